import { expect, test } from "vitest";
import { areaUnderCurve } from "../src/index.ts";

const negatives = [0.1, 0.4, 0.35, 0.8, 0.4];
const positives = [0.9, 0.4, 0.7, 0.35];

test("the area is the share of pairs in the right order, ties counting half", () => {
  let wins = 0;
  for (const p of positives) for (const n of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  expect(areaUnderCurve(negatives, positives).area).toBeCloseTo(wins / 20, 12);
});

test("the interval is DeLong's, by the structural components written out", () => {
  const above = (a: number, b: number) => (a > b ? 1 : a === b ? 0.5 : 0);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const v10 = positives.map((p) => mean(negatives.map((n) => above(p, n))));
  const v01 = negatives.map((n) => mean(positives.map((p) => above(p, n))));
  const area = mean(v10);
  const spread = (values: number[]) => mean(values.map((v) => (v - area) ** 2)) / (values.length - 1);
  const deviation = Math.sqrt(spread(v10) + spread(v01));
  const { interval } = areaUnderCurve(negatives, positives);
  expect(interval.lower).toBeCloseTo(Math.max(0, area - 1.959963985 * deviation), 8);
  expect(interval.upper).toBeCloseTo(Math.min(1, area + 1.959963985 * deviation), 8);
});

test.each([
  { name: "an empty side", low: [], high: [1] },
  { name: "NaN", low: [Number.NaN], high: [1] },
])("$name is refused", ({ low, high }) => {
  expect(() => areaUnderCurve(low, high)).toThrow("at least one score on each side");
});
