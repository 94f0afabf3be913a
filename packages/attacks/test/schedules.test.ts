import { describe, expect, test } from "vitest";
import { checkpoints } from "../src/gradient/apgd-momentum.ts";
import { apgdCe, linf, run, square } from "../src/index.ts";
import { twoHills } from "../src/score/square-l2.ts";
import { shareAt, squareAt, windowAt } from "../src/score/square-moves.ts";
import { mlp, samplesFor } from "./classifiers.ts";

describe("APGD's checkpoints", () => {
  test("of 100 steps are 22, 19, 16, 13, 10, 7, 6, 6 … apart", () => {
    const due = [...checkpoints(100)];
    expect(due.map((step, i) => step - (due[i - 1] ?? 0))).toEqual([22, 19, 16, 13, 10, 7, 6, 6]);
  });

  test.each([
    [1, [1]],
    [10, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [50, [11, 21, 30, 38, 45, 51].filter((step) => step <= 50)],
  ])("of %i steps", (steps, expected) => {
    expect([...checkpoints(steps)]).toEqual(expected);
  });
});

test("APGD's first step has the length 2 epsilon and so ends on the edge of the ball", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 12, 3);
  const { samples } = await run(model, x, labels, linf(0.05), {
    attack: apgdCe({ steps: 1 }),
    attackMisclassified: true,
  });
  // One clean pass, one at the start, one after the step, one to verify: these were broken by the step.
  const stepped = samples.filter(({ status, forward }) => status === "broken" && forward === 4);
  expect(stepped.length).toBeGreaterThan(0);
  for (const { adversarial, sample } of stepped) {
    const changes = adversarial!.map((value, j) => Math.abs(value - x.data[sample * 36 + j]!));
    for (const change of changes) expect(change).toBeCloseTo(0.05, 6);
  }
});

describe("Square's windows", () => {
  // Side of the square on 28 × 28 with p = 0.8 by AutoAttack: round(√(p · 784)) at the iteration, capped at 28.
  test.each([
    [0, 25],
    [10, 25],
    [11, 18],
    [51, 13],
    [201, 9],
    [501, 6],
    [1001, 4],
    [2001, 3],
    [4001, 2],
    [6001, 2],
    [8001, 1],
  ])("at iteration %i have the side %i", (iteration, side) => {
    const share = shareAt(iteration, 0.8);
    const image = { channels: 1, height: 28, width: 28, channelStride: 784, rowStride: 28, columnStride: 1 };
    expect(windowAt(new Uint32Array(2), 0, share, image)).toMatchObject({ rows: side, columns: side, top: 0, left: 0 });
  });

  test("lie at any place but the last, as the authors draw them", () => {
    const last = squareAt(Uint32Array.of(0xffffffff, 0xffffffff), 0, 5, 28, 28);
    expect(last).toEqual({ top: 22, left: 22, rows: 5, columns: 5 });
  });

  test("of a table are runs of features, which reach the last", () => {
    const table = { channels: 1, height: 1, width: 10, channelStride: 10, rowStride: 10, columnStride: 1 };
    expect(windowAt(Uint32Array.of(0xffffffff, 0), 0, 0.4, table)).toEqual({ top: 0, left: 6, rows: 1, columns: 4 });
    expect(windowAt(Uint32Array.of(0xffffffff, 0), 0, 0.01, table)).toEqual({ top: 0, left: 9, rows: 1, columns: 1 });
  });
});

test("Square's L2 bump is the authors' eta: a hill over a valley, of length 1", () => {
  // eta(3) of AutoAttack's square.py, worked out by hand: hill(1, 3) = [1/4, 5/4, 1/4] + [1/9?] … before scaling.
  const bump = twoHills(3);
  const upper = [0.25, 1.25, 0.25].map((value) => value / Math.hypot(0.25, 1.25, 0.25));
  const lower = [0.25, 0.25, 0.25, 0.25, 1.25, 0.25].map(
    (value) => -value / Math.hypot(1.25, ...new Array(5).fill(0.25)),
  );
  const length = Math.hypot(...upper, ...lower);
  for (const [i, value] of [...upper, ...lower].entries()) expect(bump[i]).toBeCloseTo(value / length, 12);
  for (const side of [3, 5, 7, 11]) expect(Math.hypot(...twoHills(side))).toBeCloseTo(1, 12);
});

test("Square starts in Linf with vertical stripes of plus and minus epsilon", async () => {
  const model = mlp([2, 6, 6], 8, 4, 5);
  const [x, labels] = await samplesFor(model, 30, 5);
  const { samples } = await run(model, x, labels, linf(0.4), { attack: square({ queries: 0 }) });
  const broken = samples.filter(({ status }) => status === "broken");
  expect(broken.length).toBeGreaterThan(2);
  for (const { adversarial, sample } of broken) {
    const side = adversarial!.map((value, j) => Math.sign(value - x.data[sample * 72 + j]!));
    for (let channel = 0; channel < 2; channel++) {
      for (let column = 0; column < 6; column++) {
        const signs = new Set([0, 1, 2, 3, 4, 5].map((row) => side[channel * 36 + row * 6 + column]));
        expect(signs.size).toBe(1);
      }
    }
  }
});
