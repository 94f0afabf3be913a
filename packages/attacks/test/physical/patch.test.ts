import { fillUniform, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { AttackError, completed, type PatchOptions, trainPatch, trainSticker } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";

/** Two classes: the image is brighter or darker than mid-grey on the whole. A bright patch makes it bright. */
const brightness = { ...linear([Array(64).fill(-1), Array(64).fill(1)], [32, -32]), inputShape: [8, 8] };
const quick: PatchOptions = { steps: 30, viewsPerStep: 8, learningRate: 0.1, viewsPerSample: 2 };

/** Just darker than grey: class 0, and 32 − 0.47 · 64 = 1.92 from the boundary. */
const dim = tensor([12, 8, 8], new Float32Array(12 * 64).fill(0.47));
const labels = new Int32Array(12);

test("a patch on a linear model goes to the corner of the box that its weights point to, and breaks all views", async () => {
  const result = await completed(
    trainPatch(brightness, dim, labels, { ...quick, transformations: { scale: [0.5, 0.5] } }),
  );
  const opaque = [...result.pattern.data].filter((_, i) => result.mask.data[i]! > 0);
  expect(opaque.every((value) => value === 1)).toBe(true);
  expect(result.heldOut).toHaveLength(3);
  expect([...result.trained, ...result.heldOut].sort((a, b) => a - b)).toEqual([...labels.keys()]);
  for (const { transformation, broken, robust, failed, brokenByGrey } of result.counts) {
    expect({ broken, robust, failed }).toEqual({ broken: transformation === "none" ? 3 : 6, robust: 0, failed: 0 });
    expect(brokenByGrey).toBeLessThanOrEqual(transformation === "brightness" || transformation === "all" ? 6 : 0);
  }
});

test("a targeted sticker turns the class over; samples of the target's class are left out", async () => {
  const mask = tensor(
    [8, 8],
    Float32Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 1 : 0)),
  );
  const x = tensor(
    [12, 8, 8],
    Float32Array.from({ length: 12 * 64 }, (_, i) => (i < 6 * 64 ? 0.45 : 0.55)),
  );
  const classes = Int32Array.from({ length: 12 }, (_, i) => (i < 6 ? 0 : 1));
  const result = await completed(trainSticker(brightness, x, classes, mask, { ...quick, target: 1, heldOut: 0.5 }));
  const shown = 6 - result.alreadyTarget - result.wrong;
  expect(result.alreadyTarget).toBe(result.heldOut.filter((sample) => classes[sample] === 1).length);
  expect(result.counts.find(({ transformation }) => transformation === "none")).toMatchObject({ broken: shown });
  expect([...result.pattern.data].every((value, i) => value === (mask.data[i] ? 1 : 0.5))).toBe(true);
});

test("poses say where the sticker is: where it cannot reach, nothing breaks", async () => {
  const mask = tensor([4, 4], new Float32Array(16).fill(1));
  const away = Array.from({ length: 12 }, () => [1, 0, 100, 0, 1, 100, 0, 0, 1]);
  const there = Array.from({ length: 12 }, () => [2, 0, 0, 0, 1, 0, 0, 0, 1]);
  const missed = await completed(trainSticker(brightness, dim, labels, mask, { ...quick, poses: away }));
  expect(missed.counts.reduce((sum, { broken }) => sum + broken, 0)).toBe(0);
  const hit = await completed(trainSticker(brightness, dim, labels, mask, { ...quick, poses: there }));
  expect(hit.counts.at(-1)).toMatchObject({ broken: 6, robust: 0 });
});

test("the same seed gives the same pattern whatever the batch size, another gives another; inputs stay as they were", async () => {
  const model = mlp([1, 8, 10], 6, 4, 2);
  const [x, classes] = await samplesFor(model, 10, 3);
  const before = x.data.slice();
  const make = (seed: number, batchSize: number) =>
    completed(trainPatch(model, x, classes, { ...quick, steps: 6, seed, batchSize }));
  const [one, same, other] = [await make(1, 1), await make(1, 64), await make(2, 64)];
  expect(same).toEqual(one);
  expect(other.pattern).not.toEqual(one.pattern);
  expect(x.data).toEqual(before);
});

test("channels first and last are the same attack", async () => {
  const [height, width] = [6, 7];
  const weights = (seed: number) => fillUniform(new Float32Array(126), { seed, stream: 1, sample: 0, step: 0 }, -1, 1);
  const last = (planes: ArrayLike<number>) =>
    Float32Array.from({ length: 126 }, (_, i) => planes[(i % 3) * 42 + Math.floor(i / 3)]!);
  const [a, b] = [weights(1), weights(2)];
  const first = { ...linear([[...a], [...b]], [0, 0]), inputShape: [3, height, width] };
  const turned = {
    ...linear([[...last(a)], [...last(b)]], [0, 0]),
    inputShape: [height, width, 3],
    layout: "channels-last" as const,
  };
  const images = Array.from({ length: 6 }, (_, i) => weights(10 + i).map(Math.abs));
  const joined = (parts: Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]));
  const classes = new Int32Array(6);
  const [one, two] = await Promise.all([
    completed(trainPatch(first, tensor([6, 3, height, width], joined(images)), classes, quick)),
    completed(trainPatch(turned, tensor([6, height, width, 3], joined(images.map(last))), classes, quick)),
  ]);
  expect(two.pattern.shape).toEqual([3, 3, 3]);
  for (let i = 0; i < 27; i++) {
    expect(two.pattern.data[i]).toBeCloseTo(one.pattern.data[(i % 3) * 9 + Math.floor(i / 3)]!, 4);
  }
});

test("bounds other than [0, 1] only rescale the pattern", async () => {
  const wide = {
    ...linear([Array(64).fill(-1), Array(64).fill(1)], [0, 0], { lower: -8, upper: 8 }),
    inputShape: [8, 8],
  };
  const x = tensor([12, 8, 8], new Float32Array(12 * 64).fill(-0.5));
  const { pattern, counts } = await completed(trainPatch(wide, x, labels, quick));
  expect(Math.max(...pattern.data)).toBe(8);
  expect(counts[0]).toMatchObject({ broken: 3 });
});

test("a palette leaves only its colours", async () => {
  const palette = [[0.1], [0.8]];
  const result = await completed(trainPatch(brightness, dim, labels, { ...quick, palette, printability: 0.1 }));
  expect(new Set(result.pattern.data)).toEqual(new Set(Float32Array.of(0.8)));
  expect(result.nonPrintability).toBeGreaterThanOrEqual(0);
});

test("progress counts queries and views, and a budget ends the training as incomplete", async () => {
  const seen: number[] = [];
  const options = { ...quick, budget: { queries: 20 } };
  const events = trainPatch(brightness, dim, labels, options);
  const result = await completed(events, ({ queries, views }) => {
    expect(views).toBe(8);
    seen.push(queries.forward);
  });
  expect(seen).toEqual([8, 16]);
  expect(result).toMatchObject({ steps: 2, isComplete: false, queries: { backward: 16 } });
});

test("a model that answers some rows only has them counted as failed", async () => {
  const broken = {
    ...brightness,
    async logits(x: Parameters<typeof brightness.logits>[0]) {
      if (x.data.some((value) => value > 0.9)) throw new Error("too bright");
      return brightness.logits(x);
    },
  };
  const { counts } = await completed(
    trainPatch(broken, dim, labels, { ...quick, transformations: { scale: [0.5, 0.5] } }),
  );
  expect(counts[0]).toMatchObject({ broken: 0, robust: 0, failed: 3 });
});

test.each([
  [{ target: 2 }, /target from 0 to 1, got 2/],
  [{ steps: 0 }, /steps of at least 1, got 0/],
  [{ heldOut: 1 }, /held-out samples that leaves some on both sides/],
  [{ palette: [[0, 1]] }, /palette of colours with 1 channels/],
  [{ transformations: { perspective: 0.7 } }, /perspective from 0 to below 0.5/],
  [{ transformations: { scale: [0.5, 0.4] } }, /scale of two rising numbers/],
] satisfies [PatchOptions, RegExp][])("refuses %o", async (options, message) => {
  await expect(completed(trainPatch(brightness, dim, labels, options))).rejects.toThrow(message);
});

test("refuses what is no image", async () => {
  const flat = linear([Array(64).fill(-1), Array(64).fill(1)], [32, -32]);
  const x = tensor([12, 64], dim.data);
  await expect(completed(trainPatch(flat, x, labels))).rejects.toThrow(AttackError);
  await expect(completed(trainPatch(flat, x, labels))).rejects.toThrow(/expected images, got inputs of \[64\]/);
});
