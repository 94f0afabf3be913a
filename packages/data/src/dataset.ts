import { type Tensor, takeRows } from "@casemate/tensor";
import { DataError } from "./data-error.ts";

/** The smallest and the largest number that a data set holds. */
export interface Range {
  readonly lower: number;
  readonly upper: number;
}

/** Labelled samples as they were found: nothing is scaled, normalised or left out unless an option asked for it. */
export interface Dataset {
  /** [n, ...shape of one sample]. */
  readonly x: Tensor;
  /** One per sample, from 0; positions in `labelNames` where there are names. */
  readonly labels: Int32Array;
  /** What the labels stand for, sorted by code unit; absent where the source numbers its classes itself. */
  readonly labelNames?: readonly string[];
  /** One per column of a table, after one-hot encoding. */
  readonly featureNames?: readonly string[];
  readonly range: Range;
  /** What the numbers were stored as, such as "uint8"; "text" for CSV and JSON. */
  readonly sourceDtype: string;
  readonly path: string;
  /** Hex digest of the file, or of a folder's list of digests and names as `sha256sum` prints it, sorted by name. */
  readonly sha256: string;
}

/**
 * The first `which` samples, or those at the given positions in that order; path and digest stay those of the source.
 * Throws INVALID_OPTION for a count or a position beyond the end.
 */
export function subset(dataset: Dataset, which: number | readonly number[]): Dataset {
  const available = dataset.labels.length;
  const isCount = typeof which === "number";
  const wrong = isCount
    ? [which].find((n) => !isWhole(n, 1, available))
    : which.find((i) => !isWhole(i, 0, available - 1));
  if (wrong !== undefined || (!isCount && which.length === 0)) {
    const expected = isCount ? `a count from 1 to ${available}` : `positions from 0 to ${available - 1}`;
    throw new DataError("INVALID_OPTION", `subset of ${dataset.path}: expected ${expected}, got ${wrong ?? "none"}`);
  }
  const positions = isCount ? Array.from({ length: which }, (_, i) => i) : which;
  const x = takeRows(dataset.x, positions);
  return { ...dataset, x, labels: Int32Array.from(positions, (i) => dataset.labels[i]!), range: rangeOf(x.data) };
}

/** The observed range of at least one number. */
export function rangeOf(numbers: Float32Array): Range {
  let lower = Number.POSITIVE_INFINITY;
  let upper = Number.NEGATIVE_INFINITY;
  for (const number of numbers) {
    if (number < lower) lower = number;
    if (number > upper) upper = number;
  }
  return { lower, upper };
}

function isWhole(value: number, lower: number, upper: number): boolean {
  return Number.isInteger(value) && value >= lower && value <= upper;
}
