import { binomialTest, clopperPearsonLower, normalQuantile, StatisticsError } from "@casemate/statistics";
import fc from "fast-check";
import { expect, test } from "vitest";

// SciPy 1.17.1, binomtest(successes, trials, probability, alternative).pvalue: two-sided, greater, less.
test.each([
  [0, 1, 0.5, 1, 1, 0.5],
  [3, 10, 0.5, 0.34375, 0.9453125, 0.171875],
  [5, 10, 0.5, 1, 0.623046875, 0.623046875],
  [7, 10, 0.5, 0.34375, 0.171875, 0.9453125],
  [10, 10, 0.5, 0.001953125, 0.0009765625, 1],
  [60, 100, 0.5, 0.05688793364098089, 0.028443966820490444, 0.9823998998911476],
  [520, 1000, 0.5, 0.2174482932041415, 0.10872414660207075, 0.9026168357691174],
  [51000, 100000, 0.5, 2.5887160383468943e-10, 1.2943580191734472e-10, 0.9999999998757588],
  [0, 20, 0.1, 0.25452997802490435, 1, 0.12157665459056925],
  [2, 20, 0.1, 1, 0.6082530018748321, 0.6769268051894659],
  [6, 20, 0.1, 0.011253134164509005, 0.011253134164509005, 0.9976139105910339],
  [1, 1000, 0.001, 1, 0.6323045752290359, 0.7357589130301876],
  [5, 1000, 0.001, 0.003636878029521792, 0.003636878029521792, 0.999411929898237],
  [12, 1000, 0.001, 7.865873023975438e-10, 7.865873023975438e-10, 0.9999999999405081],
  [70, 1000, 0.05, 0.005670160942551074, 0.0034743586988460833, 0.9976696994523914],
  [30, 1000, 0.05, 0.0028186552844724853, 0.9992808027197848, 0.0012770679174797827],
  [50, 1000, 0.05, 1, 0.5202589429126795, 0.5375290408014273],
  [9, 10, 0.9, 1, 0.7360989291000001, 0.6513215599],
  [4, 13, 1 / 3, 1, 0.6775759993426673, 0.5520387023206714],
  [99000, 100000, 0.99, 1, 0.5084094733514214, 0.5042686879721225],
  [3, 4, 0.25, 0.05078125, 0.05078125, 0.99609375],
  [0, 10, 0, 1, 1, 1],
  [1, 10, 0, 0, 0, 1],
  [10, 10, 1, 1, 1, 1],
] as const)("binomialTest of %d in %d at %d equals SciPy's", (successes, trials, probability, both, greater, less) => {
  const near = (got: number, expected: number) =>
    expect(Math.abs(got - expected)).toBeLessThan(1e-9 * expected + 1e-18);
  near(binomialTest(successes, trials, probability), both);
  near(binomialTest(successes, trials, probability, "greater"), greater);
  near(binomialTest(successes, trials, probability, "less"), less);
});

test("the two-sided p-value is the sum over all counts that are no likelier, term by term", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.nat(40),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (n, k, p) => {
        const successes = Math.min(k, n);
        const masses: number[] = [(1 - p) ** n];
        for (let i = 1; i <= n; i++) masses.push((masses[i - 1]! * (n - i + 1) * p) / (i * (1 - p)));
        const limit = masses[successes]! * (1 + 1e-7);
        const expected = masses.filter((mass) => mass <= limit).reduce((sum, mass) => sum + mass, 0);
        expect(binomialTest(successes, n, p)).toBeCloseTo(Math.min(1, expected), 9);
      },
    ),
  );
});

// SciPy 1.17.1, beta.ppf(alpha, k, n - k + 1), and norm.ppf of it.
test.each([
  [100, 100, 0.001, 0.933254300796991, 1.5004750241206364],
  [1000, 1000, 0.001, 0.9931160484209338, 2.4632626147808114],
  [10000, 10000, 0.001, 0.9993094630025899, 3.1985775147383384],
  [100000, 100000, 0.001, 0.9999309248330094, 3.8114565633899145],
  [990, 1000, 0.001, 0.9760361871553114, 1.9780095821411994],
  [51000, 100000, 0.001, 0.5051093492440559, 0.012807589418927094],
  [99997, 100000, 0.001, 0.9998693841638043, 3.6509897442972625],
  [60, 100, 0.05, 0.5129758202538943, 0.032531294921923276],
])("the one-sided bound for %d of %d at %d, and its normal quantile, equal SciPy's", (k, n, alpha, lower, quantile) => {
  expect(clopperPearsonLower(k, n, alpha)).toBeCloseTo(lower, 12);
  expect(normalQuantile(clopperPearsonLower(k, n, alpha))).toBeCloseTo(quantile, 8);
});

test("the one-sided bound keeps its digits for a tiny alpha, and is 0 where nothing succeeded", () => {
  expect(clopperPearsonLower(1, 50, 1e-9) / 2.00000000098e-11).toBeCloseTo(1, 9);
  expect(clopperPearsonLower(0, 50, 0.001)).toBe(0);
});

test.each([
  ["more successes than trials", () => binomialTest(3, 2)],
  ["no trial", () => binomialTest(0, 0)],
  ["half a success", () => clopperPearsonLower(0.5, 2, 0.1)],
  ["a probability above 1", () => binomialTest(1, 2, 1.5)],
  ["an alpha of 0", () => clopperPearsonLower(1, 2, 0)],
])("%s is refused", (_, call) => {
  expect(call).toThrow(StatisticsError);
});
