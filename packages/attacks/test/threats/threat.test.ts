import { fillNormal, fillUniform } from "@casemate/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BallNorm, l1, l2, linf, threats } from "../../src/index.ts";
import { nthLargest } from "../../src/threats/l1.ts";

const bounds = { lower: 0, upper: 1 };
const wide = { lower: -100, upper: 100 };
const draw = { seed: 1, stream: 2, sample: 3, step: 4 };
const gradient = Float32Array.of(3, -4, 0, 1, 0.5, -2);
const norms: readonly BallNorm[] = ["linf", "l2", "l1"];

describe("the steepest change", () => {
  test("in Linf is epsilon times the sign, 0 where the slope is 0", () => {
    const direction = new Float32Array(6);
    linf(0.5).steepest(gradient, direction, 3);
    expect([...direction]).toEqual([0.5, -0.5, 0, 0.5, 0.5, -0.5]);
  });

  test("in L2 is the gradient stretched to epsilon, however small it is", () => {
    const direction = new Float32Array(6);
    l2(10).steepest(Float32Array.of(3e-30, -4e-30, 0, 0, 0, 0), direction, 3);
    expect([...direction].map((each) => Math.round(each * 1e5) / 1e5)).toEqual([6, -8, 0, 0, 0, 0]);
  });

  test("in L1 is all on the steepest feature", () => {
    const direction = new Float32Array(6);
    l1(2).steepest(gradient, direction, 3);
    expect([...direction]).toEqual([0, -2, 0, 0, 0, -2]);
  });

  test.each(norms)("in %s raises the linear function at least as much as any other point of the ball", (norm) => {
    const radii = Float32Array.of(0.5, 2, 1, 0, 3, 0.25);
    for (const threat of [
      threats[norm](0.7),
      threats[norm](radii),
      threats[norm](2, { mask: Uint8Array.of(1, 0, 1, 1, 0, 1) }),
    ]) {
      const direction = new Float32Array(6);
      threat.steepest(gradient, direction, 6);
      const rise = (change: Float32Array) => change.reduce((total, each, j) => total + each * gradient[j]!, 0);
      expect(threat.radius(direction, new Float32Array(6), 6)[0]).toBeCloseTo(1, 6);
      for (let trial = 0; trial < 300; trial++) {
        const other = fillNormal(new Float32Array(6), { ...draw, step: trial });
        threat.project(other, new Float32Array(6), 6, wide);
        expect(rise(other)).toBeLessThanOrEqual(rise(direction) + 1e-5);
      }
    }
  });
});

describe("a random start", () => {
  const origin = new Float32Array(3 * 2000);
  const keyed = (row: number) => ({ ...draw, sample: row });

  test.each(norms)("in %s is in the ball, and uniform: the share within radius r is r^dimensions", (norm) => {
    const threat = threats[norm](2);
    const x = new Float32Array(origin.length);
    threat.randomStart(x, origin, 3, wide, { draw: keyed });
    const radii = threat.radius(x, origin, 3);
    expect(Math.max(...radii)).toBeLessThanOrEqual(1 + 1e-6);
    for (const r of [0.3, 0.6, 0.9]) {
      const share = radii.filter((radius) => radius <= r).length / 2000;
      expect(Math.abs(share - r ** 3)).toBeLessThan(0.04); // 3.5 standard errors
    }
    const above = [0, 1, 2].map((j) => radii.filter((_, row) => x[row * 3 + j]! > 0).length / 2000);
    for (const share of above) expect(Math.abs(share - 0.5)).toBeLessThan(0.04);
  });

  test.each(norms)("in %s on the surface has the radius 1", (norm) => {
    const threat = threats[norm](2);
    const x = new Float32Array(origin.length);
    threat.randomStart(x, origin, 3, wide, { draw: keyed, onSurface: true });
    for (const radius of threat.radius(x, origin, 3)) expect(Math.abs(radius - 1)).toBeLessThan(1e-6);
  });

  test.each(norms)("in %s leaves masked features alone and respects the bounds", (norm) => {
    const threat = threats[norm](50, { mask: Uint8Array.of(1, 0, 1) });
    const x = new Float32Array(origin.length);
    const half = origin.map(() => 0.5);
    threat.randomStart(x, half, 3, bounds, { draw: keyed });
    for (let row = 0; row < 2000; row++) expect(x[row * 3 + 1]).toBe(0.5);
    expect(x.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(x.some((value, i) => i % 3 !== 1 && value !== 0.5)).toBe(true);
  });
});

test.each([
  ["linf", 4, 2],
  ["l2", 5, Math.hypot(3 / 1, 4 / 2)],
  ["l1", 7, 3 / 1 + 4 / 2],
] as const)("%s measures distance in the input's units and radius in units of epsilon", (norm, distance, radius) => {
  const x = Float32Array.of(3, 0, -4);
  const threat = threats[norm](Float32Array.of(1, 1, 2));
  expect(threat.distance(x, new Float32Array(3), 3)[0]).toBeCloseTo(distance, 6);
  expect(threat.radius(x, new Float32Array(3), 3)[0]).toBeCloseTo(norm === "linf" ? 3 : radius, 6);
});

test("a change of a masked feature is infinitely far out", () => {
  const threat = l2(1, { mask: Uint8Array.of(1, 0) });
  expect(threat.radius(Float32Array.of(0.1, 0.1), new Float32Array(2), 2)[0]).toBe(Infinity);
});

test("in L1 an iterated step is spread over the steepest features that can still move", () => {
  const x = Float32Array.of(0.5, 0, 0.5, 1, 0.5, 0.5);
  const slopes = Float32Array.of(1, -9, 2, 9, 5, -4); // features 1 and 3 stand at the bound they would move towards
  const moved = x.slice();
  l1(3).climb(moved, slopes, x, { width: 6, bounds, stepSize: 0.1, sparsity: 0.5 });
  expect([...moved]).toEqual([0.5, 0, 0.6, 1, 0.6, 0.4].map(Math.fround));
});

test.each(norms)("%s climbs along the steepest change, then returns to ball and bounds", (norm) => {
  const origin = fillUniform(new Float32Array(6), draw, 0.1, 0.9);
  for (const threat of [threats[norm](0.3), threats[norm](Float32Array.of(0.1, 0.5, 0.2, 0, 0.3, 0.4))]) {
    for (const stepSize of [0.01, 0.5, 1, 20]) {
      const steepest = new Float32Array(6);
      threat.steepest(gradient, steepest, 6);
      const expected = origin.map((value, j) => value + stepSize * steepest[j]!);
      threat.project(expected, origin, 6, bounds);
      const climbed = origin.slice();
      threat.climb(climbed, gradient, origin, { width: 6, bounds, stepSize, sparsity: 0 });
      for (let j = 0; j < 6; j++) expect(climbed[j]).toBeCloseTo(expected[j]!, 6);
    }
  }
});

test("the n-th largest is that of a sort", () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(numbers, fc.nat(), (values, k) => {
      const n = 1 + (k % values.length);
      expect(nthLargest(Float64Array.from(values), n)).toBe([...values].sort((a, b) => b - a)[n - 1]);
    }),
  );
});

test.each([-1, Number.NaN])("an epsilon of %d is refused", (epsilon) => {
  expect(() => linf(epsilon)).toThrow("expected an epsilon of at least 0");
});

test("a mask that does not fit epsilon is refused", () => {
  expect(() => l2(new Float32Array(3), { mask: new Uint8Array(2) })).toThrow("expected a mask of 3 features");
});
