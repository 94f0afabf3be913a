import { betaDensity, incompleteBeta } from "./incomplete-beta.ts";
import { requireTrials } from "./proportion.ts";
import { StatisticsError } from "./statistics-error.ts";

/**
 * The exact p-value of so many successes, if each trial succeeds with `probability`: how likely at least as many are ("greater"),
 * at most as many ("less"), or any count that is no likelier than this one ("two-sided", as R's and SciPy's binomial tests
 * have it). Throws a StatisticsError for counts or a probability that make no sense.
 */
export function binomialTest(
  successes: number,
  trials: number,
  probability = 0.5,
  alternative: "two-sided" | "greater" | "less" = "two-sided",
): number {
  requireTrials("binomialTest", successes, trials);
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError("OUT_OF_RANGE", `binomialTest: expected a probability in [0, 1], got ${probability}`);
  }
  const atLeast = (count: number) =>
    count <= 0 ? 1 : count > trials ? 0 : incompleteBeta(probability, count, trials - count + 1);
  const atMost = (count: number) =>
    count < 0 ? 0 : count >= trials ? 1 : incompleteBeta(1 - probability, trials - count, count + 1);
  if (alternative === "greater") return atLeast(successes);
  if (alternative === "less") return atMost(successes);
  if (probability === 0 || probability === 1) return successes === trials * probability ? 1 : 0;
  const mass = (count: number) => massAt(count, trials, probability);
  const observed = mass(successes) * (1 + TIES);
  const expected = trials * probability;
  if (successes === expected) return 1;
  // the counts on the other side of the most likely one that are no likelier than this: their masses rise towards it
  const mode = Math.floor((trials + 1) * probability);
  if (successes < expected) {
    const from = firstWhere((count) => mass(count) <= observed, Math.max(mode, Math.ceil(expected)), trials + 1);
    return Math.min(1, atMost(successes) + atLeast(from));
  }
  const before = firstWhere((count) => mass(count) > observed, 0, Math.min(mode, Math.floor(expected)) + 1);
  return Math.min(1, atLeast(successes) + atMost(before - 1));
}

const TIES = 1e-7; // masses that differ by rounding alone count as equal: SciPy's and R's factor

/** How likely exactly `count` of the trials succeed. */
function massAt(count: number, trials: number, probability: number): number {
  return betaDensity(probability, count + 1, trials - count + 1) / (trials + 1);
}

/** The first whole number from `low` below `high` at which a statement holds that then holds to the end; `high` if there is none. */
function firstWhere(holds: (count: number) => boolean, low: number, high: number): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
