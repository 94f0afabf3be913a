import { fillNormal, sizeOf, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { completed, threats, type UniversalOptions, universalPerturbation } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";

/** Two classes; class 0 samples are 0.32 from the boundary in Linf. */
const signs = Array.from({ length: 16 }, (_, j) => (j % 3 === 0 ? -1 : 1));
const model = linear(
  [signs.map((sign) => -sign), signs],
  signs.reduce((bias, sign) => [bias[0]! + 0.5 * sign, bias[1]! - 0.5 * sign], [0.32 * 16, -0.32 * 16]),
);
const x = tensor([12, 16], new Float32Array(12 * 16).fill(0.5));
const labels = new Int32Array(12);
const quick: UniversalOptions = { epochs: 12, samplesPerStep: 4 };

test.each(["gradient", "deep-fool"] as const)("%s on a linear model finds the one that fools all", async (method) => {
  const threat = threats.linf(0.35);
  const result = await completed(universalPerturbation(model, x, labels, threat, { ...quick, method }));
  expect(result).toMatchObject({ wrong: 0, broken: 3, robust: 0, failed: 0, isComplete: true });
  expect(result.fooling).toEqual({ fooled: 3, of: 3, byRandomSigns: 0 });
  for (const value of result.perturbation.data) expect(Math.abs(value)).toBeLessThanOrEqual(0.35 + 1e-6);
});

test("in L2 the perturbation points along the weights and is as long as the radius", async () => {
  const { perturbation, broken } = await completed(
    universalPerturbation(model, x, labels, threats.l2(1.5), { ...quick, epochs: 20 }),
  );
  const length = Math.hypot(...perturbation.data);
  expect(length).toBeCloseTo(1.5, 4);
  for (const [j, value] of perturbation.data.entries()) expect(value).toBeCloseTo((signs[j]! * 1.5) / 4, 4);
  expect(broken).toBe(3); // 0.32 · 4 = 1.28 would do
});

test("a ball that is too small leaves all of them robust", async () => {
  const result = await completed(universalPerturbation(model, x, labels, threats.linf(0.3), quick));
  expect(result).toMatchObject({ broken: 0, robust: 3 });
});

test("a targeted perturbation counts samples of the target's class as wrong, and fools the others into it", async () => {
  const four = mlp([1, 6, 6], 8, 4, 3);
  const [images, classes] = await samplesFor(four, 24, 3);
  const options = { ...quick, epochs: 30, target: 2, heldOut: 0.5 };
  const result = await completed(universalPerturbation(four, images, classes, threats.linf(0.4), options));
  expect(result.wrong).toBe(result.heldOut.filter((sample) => classes[sample] === 2).length);
  expect(result.broken).toBeGreaterThan(result.robust);
  expect(result.broken + result.robust + result.wrong + result.failed).toBe(12);
});

test("features that the mask pins stay", async () => {
  const mask = Uint8Array.from({ length: 16 }, (_, j) => j % 2);
  const { perturbation } = await completed(universalPerturbation(model, x, labels, threats.linf(0.4, { mask }), quick));
  for (const [j, value] of perturbation.data.entries()) expect(value === 0).toBe(mask[j] === 0);
});

test("the same seed gives the same whatever the batch size, and inputs stay as they were", async () => {
  const four = mlp([1, 6, 6], 8, 4, 3);
  const [images, classes] = await samplesFor(four, 12, 5);
  const before = images.data.slice();
  for (const method of ["gradient", "deep-fool"] as const) {
    const make = (batchSize: number) =>
      completed(
        universalPerturbation(four, images, classes, threats.linf(0.1), {
          epochs: 2,
          samplesPerStep: 4,
          method,
          batchSize,
        }),
      );
    expect(await make(1)).toEqual(await make(64));
  }
  expect(images.data).toEqual(before);
});

test("a budget ends the making, and the measurement is still done", async () => {
  const options = { ...quick, budget: { queries: 20 } };
  const result = await completed(universalPerturbation(model, x, labels, threats.linf(0.35), options));
  expect(result).toMatchObject({ isComplete: false, epochs: 2 });
  expect(result.broken + result.robust).toBe(3);
  expect(result.queries.backward).toBe(18);
});

test("features with other bounds are clipped to them before the model sees them", async () => {
  const bounds = { lower: -1, upper: 1 };
  const watched = {
    ...linear(
      [
        [1, 0],
        [0, 1],
      ],
      [0.1, 0],
      bounds,
    ),
    inputShape: [2],
  };
  const data = fillNormal(new Float32Array(16), { seed: 1, stream: 1, sample: 0, step: 0 }).map((v) => Math.tanh(v));
  const seen: number[] = [];
  const spying = {
    ...watched,
    logits(batch: typeof x) {
      seen.push(...batch.data);
      return watched.logits(batch);
    },
  };
  await completed(universalPerturbation(spying, tensor([8, 2], data), new Int32Array(8), threats.linf(1), quick));
  expect(seen.length).toBeGreaterThanOrEqual(sizeOf([2, 2]));
  expect(Math.max(...seen.map(Math.abs))).toBeLessThanOrEqual(1);
});

test.each([
  [threats.l1(1), {}, /norm of linf or l2, got l1/],
  [threats.linf(1), { target: 9 }, /target from 0 to 1, got 9/],
  [threats.linf(1), { target: 1, method: "deep-fool" }, /no target with "deep-fool"/],
  [threats.linf(1), { epochs: 0 }, /epochs of at least 1, got 0/],
] as const)("refuses what makes no sense: %#", async (threat, options, message) => {
  await expect(completed(universalPerturbation(model, x, labels, threat, options))).rejects.toThrow(message);
});
