import { readFileSync } from "node:fs";
import {
  betaQuantile,
  clopperPearson,
  erfc,
  incompleteBeta,
  logGamma,
  normalCdf,
  normalQuantile,
  StatisticsError,
  wilson,
} from "@casemate/statistics";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

type Rows = readonly (readonly number[])[];
const tables: Record<string, Rows> = JSON.parse(
  readFileSync(new URL("./vectors/special-functions.json", import.meta.url), "utf8"),
);

const scalarFunctions: Record<string, (...parameters: number[]) => number> = {
  betaQuantile: (p = 0, a = 0, b = 0) => betaQuantile(p, a, b),
  erfc: (x = 0) => erfc(x),
  incompleteBeta: (x = 0, a = 0, b = 0) => incompleteBeta(x, a, b),
  logGamma: (x = 0) => logGamma(x),
  normalCdf: (x = 0) => normalCdf(x),
  normalQuantile: (p = 0) => normalQuantile(p),
};

test.each(Object.keys(scalarFunctions))("%s equals the 50-digit table to 1e-12", (name) => {
  const rows = tables[name] ?? [];
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const expected = row.at(-1) ?? Number.NaN;
    const got = scalarFunctions[name]?.(...row.slice(0, -1)) ?? Number.NaN;
    const error = Math.abs(got - expected) / Math.max(1, Math.abs(expected));
    expect(error, `${name}(${row.slice(0, -1)}) = ${got}, expected ${expected}`).toBeLessThan(1e-12);
  }
});

test("erfc and the normal distribution keep their digits in the tail", () => {
  const rows = (tables.erfc ?? []).filter(([x = 0]) => x >= 2);
  for (const [x = 0, expected = 0] of rows) expect(Math.abs(erfc(x) / expected - 1)).toBeLessThan(1e-12);
  expect(erfc(Number.POSITIVE_INFINITY)).toBe(0);
  expect(erfc(Number.NEGATIVE_INFINITY)).toBe(2);
  expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
  expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
});

describe("for any parameters", () => {
  const shape = fc.double({ min: 0.05, max: 5000, noNaN: true });
  const probability = fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true });

  test("the beta quantile inverts the incomplete beta function", () => {
    fc.assert(
      fc.property(probability, fc.double({ min: 1, max: 5000, noNaN: true }), shape, (p, a, b) => {
        const x = betaQuantile(p, a, b);
        // where the density is steep (b < 1 near x = 1) one ulp of x moves the probability
        if (x < 1 - 1e-9) expect(incompleteBeta(x, a, b)).toBeCloseTo(p, 6);
      }),
      { numRuns: 300 },
    );
  });

  test("I_x(a, b) + I_{1-x}(b, a) is 1", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1023 }), shape, shape, (thousandth, a, b) => {
        const x = thousandth / 1024;
        expect(incompleteBeta(x, a, b) + incompleteBeta(1 - x, b, a)).toBeCloseTo(1, 12);
      }),
    );
  });

  test("ln Γ(x + 1) = ln Γ(x) + ln x", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e5, noNaN: true }), (x) => {
        const next = logGamma(x + 1);
        expect(Math.abs(next - logGamma(x) - Math.log(x))).toBeLessThan(1e-13 * Math.max(10, Math.abs(next)));
      }),
    );
  });

  test("the normal quantile inverts the normal distribution function", () => {
    fc.assert(
      fc.property(probability, (p) => {
        expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 13);
      }),
    );
  });
});

test.each([
  ["logGamma(0)", () => logGamma(0)],
  ["logGamma(NaN)", () => logGamma(Number.NaN)],
  ["incompleteBeta(1.5, 1, 1)", () => incompleteBeta(1.5, 1, 1)],
  ["incompleteBeta(0.5, 0, 1)", () => incompleteBeta(0.5, 0, 1)],
  ["betaQuantile(-0.1, 1, 1)", () => betaQuantile(-0.1, 1, 1)],
  ["betaQuantile(0.5, 1, Infinity)", () => betaQuantile(0.5, 1, Number.POSITIVE_INFINITY)],
  ["normalQuantile(2)", () => normalQuantile(2)],
])("%s is out of range", (_, call) => {
  expect(call).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  expect(call).toThrow(StatisticsError);
});

describe.each([
  ["clopperPearson", clopperPearson],
  ["wilson", wilson],
] as const)("%s", (name, interval) => {
  test("equals the 50-digit table to 1e-12", () => {
    const rows = tables[name] ?? [];
    expect(rows.length).toBeGreaterThan(40);
    for (const [successes = 0, trials = 0, confidence = 0, lower = 0, upper = 0] of rows) {
      const got = interval(successes, trials, confidence);
      expect(Math.abs(got.lower - lower), `${successes} of ${trials} at ${confidence}`).toBeLessThan(1e-12);
      expect(Math.abs(got.upper - upper), `${successes} of ${trials} at ${confidence}`).toBeLessThan(1e-12);
    }
  });

  test("contains the proportion, mirrors with the failures and widens with the confidence", () => {
    const counts = fc
      .integer({ min: 1, max: 5000 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(counts, ([successes, trials]) => {
        const { lower, upper } = interval(successes, trials);
        expect(lower).toBeGreaterThanOrEqual(0);
        expect(lower).toBeLessThanOrEqual(successes / trials);
        expect(upper).toBeGreaterThanOrEqual(successes / trials);
        expect(upper).toBeLessThanOrEqual(1);
        const mirrored = interval(trials - successes, trials);
        expect(1 - mirrored.upper).toBeCloseTo(lower, 12);
        const wider = interval(successes, trials, 0.99);
        expect(wider.lower).toBeLessThanOrEqual(lower);
        expect(wider.upper).toBeGreaterThanOrEqual(upper);
      }),
    );
  });

  test.each([
    [0, 0, 0.95, "OUT_OF_RANGE"],
    [-1, 10, 0.95, "OUT_OF_RANGE"],
    [11, 10, 0.95, "OUT_OF_RANGE"],
    [1, 10, 1, "OUT_OF_RANGE"],
    [1, 10, Number.NaN, "OUT_OF_RANGE"],
    [1.5, 10, 0.95, "NOT_AN_INTEGER"],
    [1, Number.NaN, 0.95, "NOT_AN_INTEGER"],
  ])("refuses %d of %d at confidence %d", (successes, trials, confidence, code) => {
    expect(() => interval(successes, trials, confidence)).toThrow(
      expect.objectContaining({ name: "StatisticsError", code }),
    );
  });
});

test("the exact interval of no success is 1 - (α/2)^(1/n)", () => {
  const { lower, upper } = clopperPearson(0, 40, 0.95);
  expect(lower).toBe(0);
  expect(upper).toBeCloseTo(1 - 0.025 ** (1 / 40), 13);
});
