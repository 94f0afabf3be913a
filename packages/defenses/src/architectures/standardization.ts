import type { Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";

/** What a network subtracts from each feature of a sample and then divides it by. */
export interface Standardization {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/**
 * Mean and standard deviation (over n, not n − 1) of each feature of samples [n, features]; 1 stands for the deviation of a feature
 * that is the same in all. Throws a DefenseError SHAPE_MISMATCH for samples of another rank, or none.
 */
export function standardizationOf({ shape, data }: Tensor): Standardization {
  const [rows, width] = shape as [number, number];
  if (shape.length !== 2 || rows === 0) {
    throw new DefenseError("SHAPE_MISMATCH", `standardization: expected samples [n, features], got [${shape}]`);
  }
  const mean = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width]! += data[i]! / rows;
  const variance = new Float64Array(width);
  for (let i = 0; i < data.length; i++) variance[i % width]! += (data[i]! - mean[i % width]!) ** 2 / rows;
  const deviation = Float32Array.from(variance, (each, j) => (each > NOISE * mean[j]! ** 2 ? Math.sqrt(each) : 1));
  return { mean: Float32Array.from(mean), deviation };
}

const NOISE = 1e-14; // of the mean squared: what rounding leaves of the variance of a constant feature
