/** A square matrix, row-major, whose rows and columns are brought to sums of 1 (Sinkhorn, 20 rounds), in place. */
export function makeDoublyStochastic(matrix: Float64Array, size: number): void {
  for (let round = 0; round < 20; round++) {
    for (const [stride, step] of [
      [1, size],
      [size, 1],
    ] as const) {
      for (let line = 0; line < size; line++) {
        let sum = 0;
        for (let i = 0; i < size; i++) sum += matrix[line * stride + i * step]!;
        for (let i = 0; i < size; i++) matrix[line * stride + i * step]! /= sum;
      }
    }
  }
}

/** A permutation near a doubly stochastic matrix: row by row, the largest column that is still free. */
export function permutationNear(matrix: Float64Array, size: number): number[] {
  const order: number[] = [];
  for (let row = 0; row < size; row++) {
    let best = -1;
    for (let column = 0; column < size; column++) {
      if (order.includes(column)) continue;
      if (best < 0 || matrix[row * size + column]! > matrix[row * size + best]!) best = column;
    }
    order.push(best);
  }
  return order;
}
