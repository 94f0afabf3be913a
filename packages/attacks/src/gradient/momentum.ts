/** velocity = momentum · velocity + gradient / |gradient|₁, row by row. */
export function accumulate(velocity: Float32Array, momentum: number, gradient: Float32Array, width: number): void {
  for (let start = 0; start < velocity.length; start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += Math.abs(gradient[i]!);
    const scale = sum === 0 ? 0 : 1 / sum;
    for (let i = start; i < start + width; i++) velocity[i] = momentum * velocity[i]! + scale * gradient[i]!;
  }
}
