import { expect, test } from "vitest";
import { distributionOf, quantile } from "../../src/checks/distances.ts";

test("quantiles are interpolated as numpy does", () => {
  const sorted = [1, 2, 4, 8];
  // numpy.quantile([1, 2, 4, 8], [0, .1, .25, .5, .75, .9, 1])
  const expected = [1, 1.3, 1.75, 3, 5, 6.8, 8];
  for (const [i, share] of [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].entries()) {
    expect(quantile(sorted, share)).toBeCloseTo(expected[i]!, 12);
  }
});

test("every distance is in one bar of the histogram", () => {
  const distances = [0.3, 0.1, 0.299, 0, 0.15];
  const { histogram } = distributionOf(distances)!;
  expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(5);
  for (const { from, to, count } of histogram) {
    const inside = distances.filter((each) => each >= from && (each < to || (to === 0.3 && each === 0.3)));
    expect(count).toBe(inside.length);
  }
});

test("no distances have no distribution", () => {
  expect(distributionOf([])).toBeUndefined();
});
