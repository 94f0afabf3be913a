import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type Attack, genAttack, l0, linf, onePixel, pixle, run, threshold } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: onePixel({ population: 20, generations: 6 }), epsilons: { l0: 3 } });
describeAttack({ attack: threshold({ population: 20, generations: 6 }), epsilons: { linf: 0.2 } });
describeAttack({ attack: genAttack({ generations: 30 }), epsilons: { linf: 0.2 } });
describeAttack({ attack: pixle({ rounds: 6, iterations: 6, sides: [1, 4] }), epsilons: { l0: 12 } });

// Class 0 while w · x + 0.45 > 0.
const weights = [1, -2, 0.5, 0];
const plane = linear([weights, weights.map(() => 0)], [0.45, 0]);
const middle = tensor([1, 4], new Float32Array(4).fill(0.5)); // margin 0.2, |w|₁ 3.5: broken from epsilon 0.0571 on
const smallest = 0.2 / 3.5;

const inBall: readonly Attack[] = [threshold({ population: 50, generations: 60 }), genAttack({ generations: 500 })];

describe.each(inBall)("$name", (attack) => {
  test("breaks a linear model in a ball somewhat larger than the smallest that can", async () => {
    const { samples } = await run(plane, middle, [0], linf(1.1 * smallest), { attack });
    expect(samples[0]!.status).toBe("broken");
  });

  test("leaves it standing in any smaller one, having come close to the corner", async () => {
    const { samples } = await run(plane, middle, [0], linf(0.9 * smallest), { attack });
    expect(samples[0]!.status).toBe("robust");
    expect(samples[0]!.margin).toBeGreaterThan(0.02 - 1e-6);
    expect(samples[0]!.margin).toBeLessThan(0.06);
  });

  test("reaches its target", async () => {
    const model = mlp([1, 6, 6], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 6, 3);
    const targets = labels.map((label) => (label + 1) % 4);
    const { samples } = await run(model, x, labels, linf(0.4), { attack, criterion: { type: "targeted", targets } });
    const broken = samples.filter(({ status }) => status === "broken");
    expect(broken.length).toBeGreaterThan(2);
    for (const { adversarialPrediction, target } of broken) expect(adversarialPrediction).toBe(target);
  });
});

test("GenAttack asks for each generation but the first one time less than it has members", async () => {
  const { samples } = await run(plane, middle, [0], linf(0.001), { attack: genAttack({ generations: 10 }) });
  expect(samples[0]!.forward).toBe(1 + 6 + 10 * 5 + 1);
});

test.each([threshold({ population: 3 }), genAttack({ population: 1 })])("$name needs more members", async (attack) => {
  await expect(run(plane, middle, [0], linf(0.1), { attack })).rejects.toThrow(/expected a population of at least/);
});

/** A picture of 3 channels, 5 × 5, whose class hangs on one pixel: class 0 while its channels are near (1, 0, 1). */
function pixelModel(layout: "channels-first" | "channels-last") {
  const at = layout === "channels-first" ? [7, 32, 57] : [21, 22, 23];
  const row = new Array(75).fill(0);
  for (const [channel, feature] of at.entries()) row[feature] = [1, -1, 1][channel]!;
  const inputShape = layout === "channels-first" ? [3, 5, 5] : [5, 5, 3];
  const x = tensor([1, ...inputShape], new Float32Array(75).fill(0.5));
  for (const [channel, feature] of at.entries()) x.data[feature] = [1, 0, 1][channel]!;
  return { model: { ...linear([row, row.map(() => 0)], [0, 0.5]), inputShape, layout }, x, at };
}

test.each(["channels-first", "channels-last"] as const)("one pixel finds the one that matters (%s)", async (layout) => {
  const { model, x, at } = pixelModel(layout);
  const attack = onePixel({ population: 100, generations: 10 });
  const { samples } = await run(model, x, [0], l0(3), { attack });
  expect(samples[0]!.status).toBe("broken");
  const changed = [...samples[0]!.adversarial!.entries()].filter(([j, value]) => value !== x.data[j]);
  expect(changed.length).toBeGreaterThan(0);
  for (const [j] of changed) expect(at).toContain(j);
});

test("one pixel asks for as many scores as the population has members, in each generation", async () => {
  const { model, x } = pixelModel("channels-first");
  const attack = onePixel({ population: 10, generations: 4 });
  const stubborn = { ...model, logits: async () => tensor([1, 2], Float32Array.of(1, 0)) };
  const constant = linear([new Array(75).fill(0), new Array(75).fill(0)], [1, 0]);
  const { samples } = await run({ ...stubborn, logits: constant.logits }, x, [0], l0(3), { attack });
  expect(samples[0]).toMatchObject({ status: "robust", forward: 1 + 10 * 5 + 1 });
});

test("one pixel needs room for all channels of a pixel", async () => {
  const { model, x } = pixelModel("channels-first");
  await expect(run(model, x, [0], l0(2), { attack: onePixel() })).rejects.toThrow(
    "One pixel: expected an epsilon of at least the 3 features of a pixel, got 2",
  );
});

test("one pixel takes features that are no image", async () => {
  const attack = onePixel({ population: 40, generations: 10 });
  const { samples } = await run(plane, middle, [0], l0(1), { attack });
  expect(samples[0]!.status).toBe("broken"); // raising the second feature by 0.1 is enough
});

test("Pixle only copies values that the clean image has, whole pixels at a time", async () => {
  const { model, x } = pixelModel("channels-first");
  for (let j = 0; j < 75; j++) if (x.data[j] === 0.5) x.data[j] = (j % 25) / 100 + 0.2;
  const attack = pixle({ rounds: 20, iterations: 10, sides: [1, 3] });
  const { samples } = await run(model, x, [0], l0(75), { attack, seed: 1 });
  expect(samples[0]!.status).toBe("broken");
  const pixel = (data: Float32Array, j: number): string => [data[j], data[j + 25], data[j + 50]].join();
  const known = new Set(Array.from({ length: 25 }, (_, j) => pixel(x.data, j)));
  for (let j = 0; j < 25; j++) expect(known).toContain(pixel(samples[0]!.adversarial!, j));
});
