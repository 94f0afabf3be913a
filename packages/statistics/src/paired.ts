import { binomialTest } from "./binomial-test.ts";
import { normalQuantile } from "./normal.ts";
import type { Interval } from "./proportion.ts";
import { StatisticsError } from "./statistics-error.ts";

/** The same trials done by two, A and B: in how many only one of them succeeded. */
export interface Discordance {
  readonly onlyA: number;
  readonly onlyB: number;
  /** All trials, those in which both or neither succeeded included. */
  readonly trials: number;
}

/**
 * The exact two-sided p-value of McNemar's test (1947, https://doi.org/10.1007/BF02295996): how likely discordant trials fall
 * at least this unevenly if A and B succeed equally often. 1 where no trial is discordant. Throws a StatisticsError for
 * counts that make no sense.
 */
export function mcNemar(counts: Discordance): number {
  const { onlyA, onlyB } = required("mcNemar", counts);
  const discordant = onlyA + onlyB;
  return discordant === 0 ? 1 : binomialTest(onlyA, discordant);
}

/**
 * The score interval for the difference of two paired proportions, B's less A's (Tango, 1998,
 * https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B). Throws a StatisticsError for counts or a
 * confidence that make no sense.
 */
export function pairedDifference(counts: Discordance, confidence = 0.95): Interval {
  const { onlyA, onlyB, trials } = required("pairedDifference", counts);
  requireShare("pairedDifference", "confidence", confidence);
  const z = -normalQuantile((1 - confidence) / 2);
  const difference = (onlyB - onlyA) / trials;
  /** How many standard errors the data are from a true difference; falls as that rises. */
  const score = (delta: number): number => {
    const b = 2 * trials;
    const linear = -onlyA - onlyB + (2 * trials - onlyB + onlyA) * delta;
    const constant = -onlyA * delta * (1 - delta);
    // the share of trials that only A wins, at its most likely given delta
    const share = (Math.sqrt(Math.max(0, linear * linear - 4 * b * constant)) - linear) / (2 * b);
    const variance = trials * (2 * share + delta * (1 - delta));
    const distance = onlyB - onlyA - trials * delta;
    return variance > 0 ? distance / Math.sqrt(variance) : Math.sign(distance) * Infinity;
  };
  return {
    lower: difference <= -1 ? -1 : crossing((delta) => score(delta) > z, -1, difference),
    upper: difference >= 1 ? 1 : crossing((delta) => score(delta) > -z, difference, 1),
  };
}

export interface PlannedComparison {
  /** The difference of the two proportions that is to be seen, such as 0.02 for two points. */
  readonly difference: number;
  /** The share of trials in which only one of the two succeeds; at least the difference. */
  readonly discordance: number;
  /** How likely the difference is to be found if it is there. */
  readonly power?: number;
  readonly confidence?: number;
}

/**
 * How many paired trials McNemar's test needs to see a difference (Connor, 1987, https://doi.org/10.2307/2531961). Throws a
 * StatisticsError for shares that make no sense.
 */
export function trialsToCompare({
  difference,
  discordance,
  power = 0.8,
  confidence = 0.95,
}: PlannedComparison): number {
  requireShare("trialsToCompare", "power", power);
  requireShare("trialsToCompare", "confidence", confidence);
  const size = Math.abs(difference);
  if (!(size > 0 && size <= discordance && discordance <= 1)) {
    const expected = "0 < |difference| ≤ discordance ≤ 1";
    throw new StatisticsError(
      "OUT_OF_RANGE",
      `trialsToCompare: expected ${expected}, got ${difference}, ${discordance}`,
    );
  }
  const alpha = -normalQuantile((1 - confidence) / 2);
  const beta = normalQuantile(power);
  const spread = alpha * Math.sqrt(discordance) + beta * Math.sqrt(discordance - size * size);
  return Math.ceil((spread / size) ** 2);
}

/** Where a statement that holds at `low` and not at `high` stops to hold. */
function crossing(holds: (value: number) => boolean, low: number, high: number): number {
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function required(where: string, counts: Discordance): Discordance {
  for (const [name, count] of Object.entries(counts)) {
    if (!(Number.isSafeInteger(count) && count >= 0)) {
      throw new StatisticsError("NOT_AN_INTEGER", `${where}: expected a whole number of ${name} from 0, got ${count}`);
    }
  }
  const { onlyA, onlyB, trials } = counts;
  if (trials < 1 || onlyA + onlyB > trials) {
    throw new StatisticsError(
      "OUT_OF_RANGE",
      `${where}: expected at least 1 and at least ${onlyA} + ${onlyB} trials, got ${trials}`,
    );
  }
  return counts;
}

function requireShare(where: string, name: string, value: number): void {
  if (value > 0 && value < 1) return;
  throw new StatisticsError("OUT_OF_RANGE", `${where}: expected a ${name} between 0 and 1, got ${value}`);
}
