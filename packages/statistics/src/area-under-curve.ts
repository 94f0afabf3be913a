import { normalQuantile } from "./normal.ts";
import type { Interval } from "./proportion.ts";
import { StatisticsError } from "./statistics-error.ts";

/** The area under the ROC curve: how often a positive scores above a negative, ties counting half. */
export interface AreaUnderCurve {
  readonly area: number;
  readonly interval: Interval;
}

/**
 * The exact area, with the interval of DeLong et al. (1988, https://doi.org/10.2307/2531595) cut to [0, 1]; with one score on
 * a side that side adds no variance. Throws a StatisticsError OUT_OF_RANGE where a side is empty or holds NaN.
 */
export function areaUnderCurve(
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
  confidence = 0.95,
): AreaUnderCurve {
  const sides = [Float64Array.from(negatives), Float64Array.from(positives)] as const;
  for (const side of sides) {
    if (side.length > 0 && !side.some(Number.isNaN)) continue;
    throw new StatisticsError("OUT_OF_RANGE", "areaUnderCurve: expected at least one score on each side, and no NaN");
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new StatisticsError(
      "OUT_OF_RANGE",
      `areaUnderCurve: expected a confidence between 0 and 1, got ${confidence}`,
    );
  }
  const [low, high] = sides.map((side) => side.slice().sort()) as [Float64Array, Float64Array];
  const ofPositives = sides[1].map((score) => shareBelow(low, score));
  const ofNegatives = sides[0].map((score) => 1 - shareBelow(high, score));
  const area = meanOf(ofPositives);
  const halfWidth = -normalQuantile((1 - confidence) / 2) * Math.sqrt(errorOf(ofPositives) + errorOf(ofNegatives));
  return { area, interval: { lower: Math.max(0, area - halfWidth), upper: Math.min(1, area + halfWidth) } };
}

/** The share of the sorted values below `score`, ties counting half. */
function shareBelow(sorted: Float64Array, score: number): number {
  const first = (isPast: (value: number) => boolean): number => {
    let [from, to] = [0, sorted.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (isPast(sorted[middle]!)) to = middle;
      else from = middle + 1;
    }
    return from;
  };
  return (first((value) => value >= score) + first((value) => value > score)) / (2 * sorted.length);
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The variance of the mean of these values. */
function errorOf(values: Float64Array): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length;
}
