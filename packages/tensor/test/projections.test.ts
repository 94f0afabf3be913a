import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  clip,
  distances,
  norms,
  projectOntoL1BallInBox,
  projectOntoL2Ball,
  projectOntoLinfBall,
} from "../src/index.ts";

const unit = fc.float({ min: 0, max: 1, noNaN: true });
const wild = fc.float({ min: -3, max: 4, noNaN: true });
const rows = (width: number) =>
  fc.record({
    origin: fc.array(unit, { minLength: 2 * width, maxLength: 2 * width }).map((each) => Float32Array.from(each)),
    x: fc.array(wild, { minLength: 2 * width, maxLength: 2 * width }).map((each) => Float32Array.from(each)),
    radius: fc.float({ min: Math.fround(0.01), max: 3, noNaN: true }),
  });

describe("norms", () => {
  const x = Float32Array.of(3, -4, 0, 1, 1, -1);
  test.each([
    ["linf", [4, 1]],
    ["l2", [5, Math.sqrt(3)]],
    ["l1", [7, 3]],
    ["l0", [2, 3]],
  ] as const)("%s of each row", (norm, expected) => {
    expect([...norms(norm, x, 3)]).toEqual(expected);
    const origin = Float32Array.of(1, 1, 1, -1, 0, 5);
    const shifted = x.map((value, i) => value + origin[i]!);
    expect([...distances(norm, shifted, origin, 3)]).toEqual(expected);
  });

  test("a NaN shows", () => {
    expect([...norms("linf", Float32Array.of(1, Number.NaN, 2), 3)]).toEqual([Number.NaN]);
  });

  test("rows that do not come out even are refused", () => {
    expect(() => norms("l2", new Float32Array(5), 3)).toThrow("no whole number of rows");
    expect(() => distances("l2", new Float32Array(6), new Float32Array(3), 3)).toThrow("expected 6 elements");
  });
});

test("clip limits to one range or to one per feature", () => {
  const x = Float32Array.of(-1, 0.5, 2, -1, 0.5, 2);
  const same = x.slice();
  clip(same, 0, 1);
  expect([...same]).toEqual([0, 0.5, 1, 0, 0.5, 1]);
  clip(x, Float32Array.of(-2, 0.75, 0), Float32Array.of(0, 1, 1.5));
  expect([...x]).toEqual([-1, 0.75, 1.5, -1, 0.75, 1.5]);
});

test("the Linf projection clamps each feature, with one radius or one per feature", () => {
  const origin = Float32Array.of(0, 1, 2, 0);
  const x = Float32Array.of(1, 0.75, -3, 0.25);
  const each = x.slice();
  projectOntoLinfBall(x, origin, 0.5);
  expect([...x]).toEqual([0.5, 0.75, 1.5, 0.25]);
  projectOntoLinfBall(each, origin, Float32Array.of(0.25, 0));
  expect([...each]).toEqual([0.25, 1, 1.75, 0]);
});

describe("the L2 projection", () => {
  test("scales what lies outside and leaves what lies inside", () => {
    const x = Float32Array.of(3, 4, 0.3, 0.4);
    projectOntoL2Ball(x, new Float32Array(4), 2, 1);
    expect([...x]).toEqual([0.6, 0.8, 0.3, 0.4].map(Math.fround));
  });

  test("with a radius per feature ends on the ellipsoid and pins features of radius 0", () => {
    const x = Float32Array.of(3, 8, 9);
    const origin = Float32Array.of(0, 0, 1);
    projectOntoL2Ball(x, origin, 3, Float32Array.of(1, 2, 0));
    expect(x[0]! ** 2 + (x[1]! / 2) ** 2).toBeCloseTo(1, 6);
    expect(x[1]! / x[0]!).toBeCloseTo(8 / 3, 6);
    expect(x[2]).toBe(1);
  });
});

describe("the projection onto L1 ball and box", () => {
  test("satisfies both and is the nearest such point, by bisection", () => {
    fc.assert(
      fc.property(rows(7), ({ origin, x, radius }) => {
        const projected = x.slice();
        projectOntoL1BallInBox(projected, origin, 7, radius, { lower: 0, upper: 1 });
        for (const distance of distances("l1", projected, origin, 7)) expect(distance).toBeLessThan(radius + 1e-6);
        const expected = byBisection(x, origin, 7, radius);
        for (let i = 0; i < x.length; i++) expect(Math.abs(projected[i]! - expected[i]!)).toBeLessThan(2e-6);
      }),
      { numRuns: 500 },
    );
  });

  test("no feasible point of a fine grid is nearer", () => {
    const origin = Float32Array.of(0.2, 0.9);
    const x = Float32Array.of(0.9, 2.5);
    const projected = x.slice();
    projectOntoL1BallInBox(projected, origin, 2, 0.5, { lower: 0, upper: 1 });
    const away = (a: number, b: number) => Math.hypot(a - x[0]!, b - x[1]!);
    let nearest = Infinity;
    for (let a = 0; a <= 1000; a++) {
      for (let b = 0; b <= 1000; b++) {
        const feasible = Math.abs(a / 1000 - origin[0]!) + Math.abs(b / 1000 - origin[1]!) <= 0.5;
        if (feasible) nearest = Math.min(nearest, away(a / 1000, b / 1000));
      }
    }
    expect(away(projected[0]!, projected[1]!)).toBeLessThanOrEqual(nearest + 1e-6);
    expect(projected[0]! - origin[0]! + projected[1]! - origin[1]!).toBeCloseTo(0.5, 6);
  });

  test("in units of a radius per feature it is the projection of the scaled space", () => {
    const radii = Float32Array.of(0.5, 2, 1, 0);
    const origin = Float32Array.of(0.5, 0.5, 0.5, 0.5);
    const x = Float32Array.of(1.4, 3, -2, 0.9);
    const scaled = x.map((value, i) => (radii[i] ? (value - origin[i]!) / radii[i]! : 0));
    projectOntoL1BallInBox(scaled, new Float32Array(4), 4, 1, {
      lower: Float32Array.of(-1, -1, -2, 0),
      upper: Float32Array.of(1, 0.5, 2, 0),
    });
    projectOntoL1BallInBox(x, origin, 4, radii, {
      lower: Float32Array.of(0, -1.5, -1.5, 0),
      upper: Float32Array.of(1, 1.5, 2.5, 1),
    });
    for (let i = 0; i < 4; i++) expect(x[i]).toBeCloseTo(origin[i]! + radii[i]! * scaled[i]!, 6);
  });

  test("the box alone decides where the ball does not reach", () => {
    const x = Float32Array.of(-1, 0.5, 3);
    projectOntoL1BallInBox(x, Float32Array.of(0.5, 0.5, 0.5), 3, 10, { lower: 0, upper: 1 });
    expect([...x]).toEqual([0, 0.5, 1]);
  });
});

test("every projection leaves a projected point where it is, up to rounding", () => {
  fc.assert(
    fc.property(rows(5), ({ origin, x, radius }) => {
      for (const project of [
        (y: Float32Array) => projectOntoLinfBall(y, origin, radius),
        (y: Float32Array) => projectOntoL2Ball(y, origin, 5, radius),
        (y: Float32Array) => projectOntoL1BallInBox(y, origin, 5, radius, { lower: 0, upper: 1 }),
      ]) {
        const once = x.slice();
        project(once);
        const twice = once.slice();
        project(twice);
        for (let i = 0; i < x.length; i++) expect(Math.abs(twice[i]! - once[i]!)).toBeLessThan(1e-6);
      }
    }),
  );
});

/** The same projection by bisection on the number that all changes shrink by. */
function byBisection(x: Float32Array, origin: Float32Array, width: number, radius: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    const at = (shrink: number) =>
      Array.from({ length: width }, (_, j) => {
        const change = x[start + j]! - origin[start + j]!;
        const shrunk = Math.sign(change) * Math.max(0, Math.abs(change) - shrink);
        return Math.min(1, Math.max(0, origin[start + j]! + shrunk)) - origin[start + j]!;
      });
    const sum = (shrink: number) => at(shrink).reduce((total, change) => total + Math.abs(change), 0);
    let low = 0;
    let high = sum(0) <= radius ? 0 : 10;
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (sum(middle) > radius) low = middle;
      else high = middle;
    }
    for (const [j, change] of at(high).entries()) result[start + j] = origin[start + j]! + change;
  }
  return result;
}
