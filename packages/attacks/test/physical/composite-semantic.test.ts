import { fillUniform, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { compositeSemantic, run, threats } from "../../src/index.ts";
import { makeDoublyStochastic, permutationNear } from "../../src/physical/component-order.ts";
import { fromHsv, semanticChanges, toHsv } from "../../src/physical/semantic-components.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

const all = ["mask", "constraints"] as const;
const refuses = { linf: all, l2: all, l1: all };
describeAttack({ attack: compositeSemantic({ rounds: 2, steps: 2 }), refuses, shape: [3, 4, 4] });
describeAttack({ attack: compositeSemantic({ rounds: 1, steps: 3, order: "random" }), refuses });

const key = { seed: 1, stream: 1, sample: 0, step: 0 };

test("hue, saturation and value go there and back", () => {
  const colours = fillUniform(new Float32Array(300), key);
  for (let i = 0; i < 300; i += 3) {
    const [r, g, b] = [colours[i]!, colours[i + 1]!, colours[i + 2]!];
    const back = fromHsv(...toHsv(r, g, b));
    for (const [k, value] of [r, g, b].entries()) expect(back[k]).toBeCloseTo(value, 9);
  }
  expect(toHsv(0.5, 0.5, 0.5)).toEqual([0, 0, 0.5]);
});

const picture = (colour: readonly number[], size = 3) => ({
  height: size,
  width: size,
  planes: colour.map((value) => new Float64Array(size * size).fill(value)),
});

test.each([
  ["hue", 0, [0.8, 0.2, 0.2]],
  ["hue", (2 * Math.PI) / 3, [0.2, 0.8, 0.2]],
  ["hue", -(2 * Math.PI) / 3, [0.2, 0.2, 0.8]],
  ["hue", Math.PI, [0.2, 0.8, 0.8]],
  ["saturation", 0, [0.8, 0.8, 0.8]],
  ["saturation", 0.5, [0.8, 0.5, 0.5]],
  ["saturation", 2, [0.8, 0, 0]],
  ["brightness", 0.15, [0.95, 0.35, 0.35]],
  ["brightness", 0.3, [1, 0.5, 0.5]],
  ["contrast", 0.5, [0.4, 0.1, 0.1]],
] as const)("%s of %d makes a red what it should", (name, amount, expected) => {
  const { planes } = semanticChanges[name](picture([0.8, 0.2, 0.2]), amount);
  for (const [channel, value] of expected.entries()) {
    for (const each of planes[channel]!) expect(each).toBeCloseTo(value, 12);
  }
});

test("a quarter turn moves the corners on, counter-clockwise, to the bit", () => {
  const numbered = { height: 3, width: 3, planes: [Float64Array.from({ length: 9 }, (_, i) => i / 9)] };
  const turned = semanticChanges.rotation(numbered, 90).planes[0]!;
  const expected = [2, 5, 8, 1, 4, 7, 0, 3, 6];
  for (const [i, value] of expected.entries()) expect(turned[i]).toBeCloseTo(value / 9, 12);
});

/** Says class 1 once the mean of the red is less than a limit. */
const red = (limit: number) => {
  const weights = Array.from({ length: 48 }, (_, j) => (j < 16 ? 1 / 16 : 0));
  return { ...linear([weights, weights.map(() => 0)], [0, limit]), inputShape: [3, 4, 4] };
};
const x = tensor(
  [1, 3, 4, 4],
  Float32Array.from({ length: 48 }, (_, j) => (j < 16 ? 0.8 : 0.2)),
);

test.each([
  ["hue", 0.3], // green has 0.2 of red
  ["brightness", 0.61],
  ["contrast", 0.57],
  ["linf", 0.8 - 7.9 / 255],
] as const)("%s alone finds what breaks a linear model just within its range", async (name, limit) => {
  const attack = compositeSemantic({ components: [name] });
  const { samples } = await run(red(limit), x, [0], threats.l2(1), { attack });
  expect(samples[0]!.status).toBe("broken");
});

test.each([
  ["brightness", 0.59],
  ["contrast", 0.55],
  ["linf", 0.8 - 8.1 / 255],
] as const)("%s alone stays within its range", async (name, limit) => {
  const attack = compositeSemantic({ components: [name] });
  const { samples } = await run(red(limit), x, [0], threats.l2(1), { attack });
  expect(samples[0]!.status).toBe("robust");
});

test("two components reach what neither does alone, in whatever order", async () => {
  for (const order of ["fixed", "random", "scheduled"] as const) {
    const attack = compositeSemantic({ components: ["brightness", "contrast"], order });
    const { samples } = await run(red(0.45), x, [0], threats.l2(1), { attack });
    expect(samples[0]!.status).toBe("broken"); // 0.8 · 0.7 − 0.2 = 0.36, (0.8 − 0.2) · 0.7 = 0.42
  }
});

test("targets are met, in scheduled order too", async () => {
  const attack = compositeSemantic({ components: ["brightness", "contrast"] });
  const criterion = { type: "targeted", targets: [1] } as const;
  const { samples } = await run(red(0.45), x, [0], threats.l2(1), { attack, criterion });
  expect(samples[0]).toMatchObject({ status: "broken", adversarialPrediction: 1 });
});

test("rows and columns are brought to sums of 1, and the permutation takes each column once", () => {
  const matrix = Float64Array.of(5, 1, 1, 4, 2, 1, 1, 1, 3);
  makeDoublyStochastic(matrix, 3);
  for (let i = 0; i < 3; i++) {
    expect(matrix[3 * i]! + matrix[3 * i + 1]! + matrix[3 * i + 2]!).toBeCloseTo(1, 9);
    expect(matrix[i]! + matrix[3 + i]! + matrix[6 + i]!).toBeCloseTo(1, 5);
  }
  expect(permutationNear(Float64Array.of(0.5, 0.4, 0.1, 0.6, 0.3, 0.1, 0, 0.5, 0.5), 3)).toEqual([0, 1, 2]);
});

test("images of one channel have no hue", async () => {
  const grey = {
    ...linear(
      [
        [1, 1, 1, 1],
        [0, 0, 0, 0],
      ],
      [0, 1],
    ),
    inputShape: [1, 2, 2],
  };
  const running = run(grey, tensor([1, 1, 2, 2], new Float32Array(4).fill(0.5)), [0], threats.l2(1), {
    attack: compositeSemantic({ components: ["hue"] }),
  });
  await expect(running).rejects.toThrow(/three channels for hue and saturation, got 1/);
  expect(() => compositeSemantic({ components: [] })).toThrow(/different components/);
  expect(() => compositeSemantic({ ranges: { hue: [1, -1] } })).toThrow(/rising range of hue/);
});
