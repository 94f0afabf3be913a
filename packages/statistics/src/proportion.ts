import { betaQuantile } from "./beta-quantile.ts";
import { normalQuantile } from "./normal.ts";
import { StatisticsError } from "./statistics-error.ts";

/** A confidence interval, 0 ≤ lower ≤ upper ≤ 1 for a proportion. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The exact two-sided interval for a proportion (Clopper and Pearson, 1934, https://doi.org/10.1093/biomet/26.4.404):
 * never covers less than `confidence`. Throws a StatisticsError for counts or a confidence that make no sense.
 */
export function clopperPearson(successes: number, trials: number, confidence = 0.95): Interval {
  requireProportion("clopperPearson", successes, trials, confidence);
  const tail = (1 - confidence) / 2;
  const failures = trials - successes;
  return {
    lower: clopperPearsonLower(successes, trials, tail),
    upper: failures === 0 ? 1 : betaQuantile(1 - tail, successes + 1, failures),
  };
}

/**
 * The exact one-sided lower bound of Clopper and Pearson: a proportion is below it with probability `alpha` at most. Throws a
 * StatisticsError for counts or an alpha that make no sense.
 */
export function clopperPearsonLower(successes: number, trials: number, alpha: number): number {
  requireTrials("clopperPearsonLower", successes, trials);
  if (!(alpha > 0 && alpha < 1)) {
    throw new StatisticsError("OUT_OF_RANGE", `clopperPearsonLower: expected an alpha between 0 and 1, got ${alpha}`);
  }
  return successes === 0 ? 0 : betaQuantile(alpha, successes, trials - successes + 1);
}

/**
 * The two-sided score interval for a proportion (Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953), without
 * continuity correction: `confidence` on average. Throws a StatisticsError for counts or a confidence that make no sense.
 */
export function wilson(successes: number, trials: number, confidence = 0.95): Interval {
  requireProportion("wilson", successes, trials, confidence);
  const z = -normalQuantile((1 - confidence) / 2);
  const proportion = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (proportion + (z * z) / (2 * trials)) / scale;
  const halfWidth = (z / scale) * Math.sqrt((proportion * (1 - proportion)) / trials + (z / (2 * trials)) ** 2);
  return {
    lower: successes === 0 ? 0 : Math.max(0, centre - halfWidth),
    upper: successes === trials ? 1 : Math.min(1, centre + halfWidth),
  };
}

/** Throws a StatisticsError unless the counts are whole and 0 ≤ successes ≤ trials, trials ≥ 1. */
export function requireTrials(where: string, successes: number, trials: number): void {
  for (const [name, count] of Object.entries({ successes, trials })) {
    if (!Number.isSafeInteger(count)) {
      throw new StatisticsError("NOT_AN_INTEGER", `${where}: expected a whole number of ${name}, got ${count}`);
    }
  }
  if (trials < 1) throw new StatisticsError("OUT_OF_RANGE", `${where}: expected at least 1 trial, got ${trials}`);
  if (successes < 0 || successes > trials) {
    throw new StatisticsError("OUT_OF_RANGE", `${where}: expected 0 to ${trials} successes, got ${successes}`);
  }
}

function requireProportion(where: string, successes: number, trials: number, confidence: number): void {
  requireTrials(where, successes, trials);
  if (!(confidence > 0 && confidence < 1)) {
    throw new StatisticsError("OUT_OF_RANGE", `${where}: expected a confidence between 0 and 1, got ${confidence}`);
  }
}
