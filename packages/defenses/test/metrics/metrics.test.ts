import { openClassifier } from "@casemate/attacks";
import { initializerTensor, withWeights } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { clever, DefenseError, empiricalRobustness, lossSensitivity, mlp } from "../../src/index.ts";

/** logits = W x, W = [[a, b], [−a, −b]]: one layer of two classes. */
async function linear(a: number, b: number) {
  const model = mlp({ inputShape: [2], classes: 2, hidden: [] });
  const weights = new Map(
    [...model.graph.initializers].map(([name, each]) => [name, initializerTensor(each) as Tensor]),
  );
  for (const [name, { shape }] of weights) {
    const numbers = shape.length === 2 ? [a, b, -a, -b] : [-a - b, a + b].map((each) => each / 2);
    weights.set(name, tensor(shape, Float32Array.from(numbers)));
  }
  const classifier = await openClassifier(withWeights(model, weights), { bounds: { lower: 0, upper: 1 } });
  onTestFinished(() => classifier.dispose());
  return classifier;
}

const x = tensor([2, 2], Float32Array.of(0.9, 0.8, 0.2, 0.3));
const labels = Int32Array.of(0, 1);
const half = (row: number) => 3 * (x.data[2 * row]! - 0.5) + 4 * (x.data[2 * row + 1]! - 0.5); // a = 3, b = 4

test("the loss of a linear model is as sensitive as its weights are long, times the probability of being wrong", async () => {
  const wrong = [0, 1].map((row) => 1 / (1 + Math.exp(2 * Math.abs(half(row)))));
  const expected = wrong.reduce((sum, p) => sum + p * 2 * 5, 0) / 2; // ‖(2a, 2b)‖ = 10
  expect(await lossSensitivity(await linear(3, 4), { x, labels })).toBeCloseTo(expected, 5);
});

test("the smallest perturbation of a linear model is the distance to its line", async () => {
  const { mean, broken, unbroken } = await empiricalRobustness(await linear(3, 4), { x, labels });
  const shares = [0, 1].map((row) => Math.abs(half(row)) / 5 / Math.hypot(x.data[2 * row]!, x.data[2 * row + 1]!));
  expect({ broken, unbroken }).toEqual({ broken: 2, unbroken: 0 });
  expect(mean! / ((shares[0]! + shares[1]!) / 2)).toBeGreaterThan(0.999);
  expect(mean! / ((shares[0]! + shares[1]!) / 2)).toBeLessThan(1.05); // DeepFool's overshoot
});

test("a model that is wrong everywhere has no perturbation to measure", async () => {
  const wrong = await empiricalRobustness(await linear(3, 4), { x, labels: Int32Array.of(1, 0) });
  expect(wrong).toEqual({ mean: undefined, broken: 0, unbroken: 0 });
});

test.each([
  { norm: "l2", dual: 5 },
  { norm: "linf", dual: 7 },
  { norm: "l1", dual: 4 },
] as const)(
  "the CLEVER score of a linear model in $norm is its margin over the dual norm of its weights",
  async ({ norm, dual }) => {
    const model = await linear(3, 4);
    const scores = await clever(model, { x, labels }, { norm, radius: 1, batches: 5, batchSize: 8 });
    for (const [row, { score, targets }] of scores.entries()) {
      expect(score).toBeCloseTo(Math.abs(half(row)) / dual, 5);
      expect(targets[0]!.lipschitz).toBeCloseTo(2 * dual, 4);
    }
  },
);

test("CLEVER scores end at the radius, and are 0 for samples that the model gets wrong", async () => {
  const model = await linear(3, 4);
  const small = { radius: 0.01, batches: 3, batchSize: 4 };
  expect((await clever(model, { x, labels }, small)).map(({ score }) => score)).toEqual([0.01, 0.01]);
  const wrong = labels.map((label) => 1 - label);
  expect((await clever(model, { x, labels: wrong }, small)).map(({ score }) => score)).toEqual([0, 0]);
});

test("the CLEVER score of a network is below the distance to points of other classes, where enough is sampled, and the same again", async () => {
  const model = await openClassifier(mlp({ inputShape: [2], classes: 3, hidden: [16], seed: 3 }), {
    bounds: { lower: -1, upper: 1 },
  });
  onTestFinished(() => model.dispose());
  const points = tensor([1, 2], Float32Array.of(0.5, -0.4));
  const { data } = await model.logits(points);
  const label = data.indexOf(Math.max(...data));
  const options = { radius: 2, batches: 30, batchSize: 64 };
  const [found] = await clever(model, { x: points, labels: Int32Array.of(label) }, options);
  const grid = tensor([201 * 201, 2]);
  for (let i = 0; i < 201 * 201; i++) grid.data.set([(i % 201) / 100 - 1, Math.floor(i / 201) / 100 - 1], 2 * i);
  const logits = (await model.logits(grid)).data;
  let nearest = Infinity;
  for (let i = 0; i < 201 * 201; i++) {
    const row = logits.subarray(3 * i, 3 * i + 3);
    const isOther = row.some((value) => value > row[label]!);
    if (isOther) nearest = Math.min(nearest, Math.hypot(grid.data[2 * i]! - 0.5, grid.data[2 * i + 1]! + 0.4));
  }
  expect(found!.score).toBeGreaterThan(0);
  expect(found!.score).toBeLessThanOrEqual(Math.min(2, nearest + 0.01));
  const again = await clever(model, { x: points, labels: Int32Array.of(label) }, options);
  expect(again[0]).toEqual(found);
});

test.each([{ radius: 0 }, { batches: 2 }, { batchSize: 0 }, { targets: 0 }])("CLEVER refuses %j", async (options) => {
  await expect(clever(await linear(3, 4), { x, labels }, options)).rejects.toThrow(DefenseError);
});
