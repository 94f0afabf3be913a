import {
  logGamma,
  mcNemar,
  normalQuantile,
  pairedDifference,
  StatisticsError,
  trialsToCompare,
} from "@casemate/statistics";
import { describe, expect, test } from "vitest";

/**
 * onlyA, onlyB, trials, p, lower, upper: SciPy 1.17's binomtest, and Tango's score solved by root finding over a likelihood
 * that was maximised numerically instead of by its closed form.
 */
const rows = [
  [10, 4, 100, 0.17956543, -0.141675226, 0.014973009],
  [1, 12, 50, 0.003417969, 0.094213438, 0.359451598],
  [0, 5, 40, 0.0625, 0.026425698, 0.261121198],
  [30, 30, 500, 1, -0.031081759, 0.031081759],
  [2, 0, 20, 0.5, -0.301033652, 0.077237674],
  [60, 25, 500, 0.000186799, -0.106842554, -0.034666888],
  [0, 0, 30, 1, -0.113513399, 0.113513393],
] as const;

test.each(rows)(
  "%i and %i of %i trials: p-value and interval are those of SciPy",
  (onlyA, onlyB, trials, p, lower, upper) => {
    expect(mcNemar({ onlyA, onlyB, trials })).toBeCloseTo(p, 8);
    const interval = pairedDifference({ onlyA, onlyB, trials });
    expect(interval.lower).toBeCloseTo(lower, 6);
    expect(interval.upper).toBeCloseTo(upper, 6);
  },
);

describe("the number of trials for a difference", () => {
  test.each([
    [0.02, 0.1, 0.8],
    [0.05, 0.08, 0.9],
    [0.1, 0.3, 0.8],
  ])("of %f at discordance %f has the power %f, summed over all outcomes", (difference, discordance, power) => {
    const trials = trialsToCompare({ difference, discordance, power });
    expect(powerOf(trials, difference, discordance)).toBeGreaterThan(power - 0.02);
    expect(powerOf(Math.floor(0.8 * trials), difference, discordance)).toBeLessThan(power);
  });

  test("grows as the difference shrinks and as the two disagree more often", () => {
    const of = (difference: number, discordance: number) => trialsToCompare({ difference, discordance });
    expect(of(0.01, 0.1)).toBeGreaterThan(of(0.02, 0.1));
    expect(of(0.02, 0.2)).toBeGreaterThan(of(0.02, 0.1));
  });
});

test.each([
  () => mcNemar({ onlyA: 3, onlyB: 4, trials: 6 }),
  () => mcNemar({ onlyA: -1, onlyB: 4, trials: 6 }),
  () => pairedDifference({ onlyA: 0.5, onlyB: 0, trials: 6 }),
  () => pairedDifference({ onlyA: 1, onlyB: 0, trials: 6 }, 1),
  () => trialsToCompare({ difference: 0.2, discordance: 0.1 }),
  () => trialsToCompare({ difference: 0, discordance: 0.1 }),
])("counts and shares that make no sense are refused: case %#", (call) => {
  expect(call).toThrow(StatisticsError);
});

/** How often McNemar's test at 5 % (by its normal approximation, which the formula plans for) sees the difference. */
function powerOf(trials: number, difference: number, discordance: number): number {
  const z = -normalQuantile(0.025);
  const shareB = (discordance + difference) / (2 * discordance);
  const binomial = (n: number, k: number, p: number) =>
    Math.exp(logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1) + k * Math.log(p) + (n - k) * Math.log(1 - p));
  let power = 0;
  for (let m = 1; m <= trials; m++) {
    const weight = binomial(trials, m, discordance);
    if (weight < 1e-9) continue;
    for (let b = 0; b <= m; b++) {
      if (Math.abs(2 * b - m) / Math.sqrt(m) > z) power += weight * binomial(m, b, shareB);
    }
  }
  return power;
}
