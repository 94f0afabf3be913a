import { openClassifier } from "@casemate/attacks";
import { initializerTensor, withWeights } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { empiricalRobustness, lossSensitivity, mlp } from "../../src/index.ts";

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
