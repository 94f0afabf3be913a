import { normalCdf } from "@casemate/statistics";
import { fillNormal } from "@casemate/tensor";
import { expect, test } from "vitest";
import { medianBounds } from "../../src/index.ts";
import { binomialUpperTail } from "../../src/smoothing/binomial-tail.ts";

const draws = (count: number, sample: number) =>
  fillNormal(new Float32Array(count), { seed: 8, stream: 2, sample, step: 0 }).map((each) => 3 + 0.5 * each);

test("of a linear function the median moves by the radius, which the bounds enclose closely", () => {
  const { median, lower, upper } = medianBounds(draws(100_000, 0), { sigma: 0.5, radius: 0.4 });
  expect(median).toBeCloseTo(3, 1);
  expect(lower).toBeLessThanOrEqual(2.6);
  expect(upper).toBeGreaterThanOrEqual(3.4);
  expect(lower).toBeGreaterThan(2.57);
  expect(upper).toBeLessThan(3.43);
});

test("over many tries the bounds are too narrow as rarely as alpha says, and not much more rarely", () => {
  let wrong = 0;
  for (let sample = 0; sample < 1000; sample++) {
    const { lower, upper } = medianBounds(draws(200, sample), { sigma: 0.5, radius: 0.25, alpha: 0.2 });
    if (lower > 2.75 || upper < 3.25) wrong++;
  }
  // exact test at 99.9 %: more than this many of 1,000 contradict 20 %
  expect(binomialUpperTail(wrong, 1000, 0.2)).toBeGreaterThan(0.001);
  expect(wrong).toBeGreaterThan(50);
});

test("too few draws tell nothing about a far quantile", () => {
  const { lower, upper } = medianBounds(draws(20, 0), { sigma: 0.5, radius: 2 });
  expect([lower, upper]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test("the tail of a binomial count is the sum of its terms", () => {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
  const p = normalCdf(0.7);
  for (const count of [0, 1, 5, 9, 12]) {
    const sum = Array.from({ length: 13 }, (_, k) => (k >= count ? choose(12, k) * p ** k * (1 - p) ** (12 - k) : 0));
    expect(binomialUpperTail(count, 12, p)).toBeCloseTo(
      sum.reduce((a, b) => a + b),
      12,
    );
  }
});

test("a sigma of 0 is refused", () => {
  expect(() => medianBounds([1], { sigma: 0, radius: 1 })).toThrow("medianBounds: expected draws, a sigma above 0");
});
