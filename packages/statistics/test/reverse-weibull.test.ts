import { expect, test } from "vitest";
import { fitReverseWeibull, StatisticsError } from "../src/index.ts";

/** Quantiles of a reverse Weibull distribution at (k + ½) / 256, k the bytes of a linear congruence, rounded to 1e-6. */
function sample(count: number, shape: number, location: number, scale: number, seed: number): number[] {
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    const probability = (Number((state >> 16n) % 256n) + 0.5) / 256;
    return Math.round(1e6 * (location - scale * (-Math.log(probability)) ** (1 / shape))) / 1e6;
  });
}

/** The likeliest of five runs of scipy.stats.weibull_max.fit of SciPy 1.17, from shapes of 1, 2, 4, 8 and 16. */
test.each([
  { values: sample(50, 2.5, 10, 3, 1), shape: 2.3535435944, location: 9.8198936261, scale: 2.792151582 },
  { values: sample(40, 8, 1, 0.5, 2), shape: 7.7364806754, location: 1.0975028001, scale: 0.5988777908 },
  { values: sample(100, 1.4, 0, 2, 3), shape: 1.5771480565, location: 0.0507800201, scale: 2.1648108817 },
])("the likeliest reverse Weibull of shape $shape is SciPy's", ({ values, shape, location, scale }) => {
  const fit = fitReverseWeibull(values);
  expect(Math.abs(fit.shape / shape - 1)).toBeLessThan(1e-4);
  expect(Math.abs(fit.location - location)).toBeLessThan(1e-4);
  expect(Math.abs(fit.scale / scale - 1)).toBeLessThan(1e-4);
});

test("the fit moves and stretches with its values", () => {
  const values = sample(50, 2.5, 10, 3, 1);
  const [fit, moved] = [fitReverseWeibull(values), fitReverseWeibull(values.map((value) => 1e-3 * value + 7))];
  expect(moved.shape).toBeCloseTo(fit.shape, 4);
  expect(moved.location).toBeCloseTo(1e-3 * fit.location + 7, 7);
  expect(moved.scale).toBeCloseTo(1e-3 * fit.scale, 7);
});

test.each([[[1, 2]], [[3, 3, 3]], [[1, 2, Number.NaN]], [[1, 2, Infinity]]])("%j has no fit", (values) => {
  expect(() => fitReverseWeibull(values)).toThrow(StatisticsError);
});
