/** The logarithm of the odds of the second class: Σ weights · values + bias. */
export interface LogisticRegression {
  readonly weights: Float64Array;
  readonly bias: number;
}

/**
 * Fits rows [samples][width] of classes 0 and 1 by Newton's method: the sum of the log-losses and half the squared weights of
 * values of variance 1, the bias left free. That is scikit-learn's LogisticRegression with C = 1 after a StandardScaler.
 */
export function logisticRegression(
  rows: readonly ArrayLike<number>[],
  classes: ArrayLike<number>,
  { steps = 50 }: { readonly steps?: number } = {},
): LogisticRegression {
  const count = rows.length;
  const width = rows[0]!.length;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (const row of rows) for (let j = 0; j < width; j++) mean[j]! += row[j]! / count;
  for (const row of rows) for (let j = 0; j < width; j++) deviation[j]! += (row[j]! - mean[j]!) ** 2 / count;
  for (let j = 0; j < width; j++) deviation[j] = Math.sqrt(deviation[j]!) || 1;
  const size = width + 1;
  const scaled = rows.map((row) =>
    Float64Array.from({ length: size }, (_, j) => (j < width ? (row[j]! - mean[j]!) / deviation[j]! : 1)),
  );
  const beta = new Float64Array(size);
  for (let step = 0; step < steps; step++) {
    const gradient = Float64Array.from(beta, (each, j) => (j < width ? each : 0));
    const hessian = new Float64Array(size * size);
    for (let j = 0; j < width; j++) hessian[j * size + j] = 1;
    for (const [i, row] of scaled.entries()) {
      let score = 0;
      for (let j = 0; j < size; j++) score += beta[j]! * row[j]!;
      const p = 1 / (1 + Math.exp(-score));
      const slope = Math.max(p * (1 - p), SMALLEST);
      for (let j = 0; j < size; j++) {
        gradient[j]! += (p - classes[i]!) * row[j]!;
        for (let l = 0; l < size; l++) hessian[j * size + l]! += slope * row[j]! * row[l]!;
      }
    }
    const change = solved(hessian, gradient);
    for (let j = 0; j < size; j++) beta[j]! -= change[j]!;
    if (change.every((each) => Math.abs(each) < 1e-12)) break;
  }
  const weights = Float64Array.from({ length: width }, (_, j) => beta[j]! / deviation[j]!);
  return { weights, bias: beta[width]! - weights.reduce((sum, weight, j) => sum + weight * mean[j]!, 0) };
}

const SMALLEST = 1e-10; // keeps the curvature of samples that are told apart for certain above 0

/** Gaussian elimination for a positive definite matrix, which it destroys. */
function solved(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const x = right.slice();
  for (let j = 0; j < size; j++) {
    for (let i = j + 1; i < size; i++) {
      const factor = matrix[i * size + j]! / matrix[j * size + j]!;
      for (let l = j; l < size; l++) matrix[i * size + l]! -= factor * matrix[j * size + l]!;
      x[i]! -= factor * x[j]!;
    }
  }
  for (let j = size - 1; j >= 0; j--) {
    for (let l = j + 1; l < size; l++) x[j]! -= matrix[j * size + l]! * x[l]!;
    x[j]! /= matrix[j * size + j]!;
  }
  return x;
}
