import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HyperplaneProjection, type PlaneNorm } from "../../src/minimum-norm/hyperplane.ts";

/** The size of the smallest change that lowers slope · x by `fall`, by bisection of the length of the step (its dual problem). */
function oracle(norm: PlaneNorm, slope: readonly number[], room: readonly number[], fall: number): number {
  const steep = slope.map(Math.abs);
  if (norm === "l1") {
    const order = steep.map((_, j) => j).sort((a, b) => steep[b]! - steep[a]!);
    let [rest, size] = [fall, 0];
    for (const j of order) {
      if (steep[j] === 0 || rest <= 0) break;
      const move = Math.min(room[j]!, rest / steep[j]!);
      rest -= move * steep[j]!;
      size += move;
    }
    return size;
  }
  const movesAt = (length: number) =>
    steep.map((each, j) => (each === 0 ? 0 : Math.min(room[j]!, norm === "linf" ? length : length * each)));
  const gain = (length: number) => movesAt(length).reduce((sum, move, j) => sum + move * steep[j]!, 0);
  let [low, high] = [0, 1e6];
  for (let round = 0; round < 200; round++) {
    const middle = (low + high) / 2;
    if (gain(middle) < fall) low = middle;
    else high = middle;
  }
  const moves = movesAt(high);
  return norm === "linf" ? Math.max(...moves) : Math.hypot(...moves);
}

const feature = fc.tuple(
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: -8, max: 8 }).map((each) => each / 4),
  ),
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 16 }).map((each) => each / 16),
  ),
);

describe.each(["linf", "l2", "l1"] as const)("the projection onto a hyperplane in %s", (norm) => {
  test("is as small as bisection finds, stays in the box, and reaches the plane where the box allows", () => {
    fc.assert(
      fc.property(
        fc.array(feature, { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0, max: 6, noNaN: true }),
        (features, fall) => {
          const steepness = Float64Array.from(features, ([each]) => Math.abs(each));
          const room = Float64Array.from(features, ([, each]) => each);
          const moves = new Float64Array(features.length);
          const size = new HyperplaneProjection(norm, features.length).project(
            { steepness, room, change: fall },
            moves,
          );
          const most = features.reduce((sum, [each, space]) => sum + Math.abs(each) * space, 0);
          const gained = features.reduce((sum, [each], j) => sum + Math.abs(each) * moves[j]!, 0);
          expect(gained).toBeCloseTo(Math.min(fall, most), 9);
          for (const [j, [each, space]] of features.entries()) {
            expect(moves[j]).toBeGreaterThanOrEqual(0);
            expect(moves[j]).toBeLessThanOrEqual(each === 0 ? 0 : space);
          }
          expect(size).toBeCloseTo(oracle(norm, [...steepness], [...room], Math.min(fall, most)), 6);
        },
      ),
      { numRuns: 300 },
    );
  });
});

// From projection_linf, _l2 and _l1 of the authors' AutoAttack (commit a392200) under PyTorch, in the box [0, 1].
const authors = [
  {
    norm: "linf",
    point: [0.56, 0.56, 0.09, 0.21, 0.01],
    slope: [-0.32, 0.79, 0.45, -1.53, 0.23],
    value: -1.5,
    moved: [-0.56, 0.44, 0.91, -0.21, 0.99],
  },
  {
    norm: "linf",
    point: [0.21, 0.31, 0.04, 0.52, 0.32],
    slope: [-0.93, 0.65, -0.8, 1.26, 0.04],
    value: 0.5,
    moved: [0.13587, -0.13587, 0.13587, -0.13587, -0.13587],
  },
  {
    norm: "linf",
    point: [0.92, 0.86, 0.3, 0.81, 0.96],
    slope: [-0.12, -1.63, 2.41, 0.87, -0.94],
    value: 9,
    moved: [0.08, 0.14, -0.3, -0.81, 0.04],
  },
  {
    norm: "l2",
    point: [0.27, 0.33, 0.99, 0.19, 0.82],
    slope: [0.18, -0.05, 0.11, 1.13, -0.27],
    value: -1.5,
    moved: [0.73, -0.33, 0.01, 0.81, -0.82],
  },
  {
    norm: "l2",
    point: [0.14, 0.8, 0.02, 0.83, 0.55],
    slope: [-0.72, 0.13, -1.17, -0.04, 0.76],
    value: 0.5,
    moved: [0.144963, -0.026174, 0.235564, 0.008053, -0.153016],
  },
  {
    norm: "l2",
    point: [0.71, 0.35, 0.09, 0.61, 0.96],
    slope: [0.68, 0.27, -1.41, -0.61, -0.15],
    value: 9,
    moved: [-0.71, -0.35, 0.91, 0.39, 0.04],
  },
  {
    norm: "l1",
    point: [0.65, 0.74, 0.79, 0.84, 0.94],
    slope: [-1.22, 2.21, 0.9, 0.54, -1.2],
    value: -1.5,
    moved: [-0.65, 0.26, 0.0, 0.0, -0.110333],
  },
  {
    norm: "l1",
    point: [0.3, 0.44, 0.38, 0.71, 0.51],
    slope: [-1.09, 0.56, -0.79, 0.2, 1.26],
    value: 0.5,
    moved: [0.0, -0.0, 0.0, -0.0, -0.396825],
  },
  {
    norm: "l1",
    point: [0.59, 0.23, 0.64, 0.57, 0.78],
    slope: [0.36, -0.24, 1.02, 0.63, 0.99],
    value: 9,
    moved: [-0.59, 0.77, -0.64, -0.57, -0.78],
  },
] as const;

test.each(authors)("in $norm moves each feature as the authors' does", ({ norm, point, slope, value, moved }) => {
  const sign = value > 0 ? -1 : 1;
  const room = Float64Array.from(point, (at, j) => (slope[j]! * sign > 0 ? 1 - at : at));
  const moves = new Float64Array(point.length);
  const descent = { steepness: Float64Array.from(slope, Math.abs), room, change: Math.abs(value) };
  new HyperplaneProjection(norm, point.length).project(descent, moves);
  for (const [j, each] of moved.entries()) expect(sign * Math.sign(slope[j]!) * moves[j]!).toBeCloseTo(each, 5);
});
