import { initializerTensor, type Model, openSession } from "@casemate/onnx";
import { clopperPearson } from "@casemate/statistics";
import { fillIntegers, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import {
  awp,
  gaussianTraining,
  type LabelledSamples,
  pgdTraining,
  plainTraining,
  type TrainOptions,
  takesTokens,
  textCnn,
  train,
} from "../../src/index.ts";
import { smallModel } from "./blobs.ts";

const VOCABULARY = 12;
const settings: TrainOptions = {
  classifier: { bounds: { lower: 0, upper: VOCABULARY - 1 } },
  epochs: 6,
  batchSize: 20,
  learningRate: 0.01,
  validation: texts(200, 2),
};
const model = textCnn({ inputShape: [8], classes: 2, vocabulary: VOCABULARY, embedding: 6, widths: [2], filters: 6 });

test("a text convolution learns which order of two tokens makes a class, and keeps its input of int64", async () => {
  const result = await finished(train(model, texts(400, 1), settings));
  const best = result.history.find(({ epoch }) => epoch === result.bestEpoch)!;
  expect(result.history.at(-1)!.loss).toBeLessThan(0.5 * result.history[0]!.loss);
  expect(clopperPearson(best.correct, best.of, 0.999).lower).toBeGreaterThan(0.5);
  expect(best.robust).toBeUndefined();
  expect(result.model.graph.inputs).toEqual(model.graph.inputs);
  expect(await accuracy(result.model, texts(200, 2))).toBe(best.correct / best.of);
});

test("plain descent moves the vectors of tokens that were seen, and no others", async () => {
  const data = texts(40, 3); // of tokens 0 to 9
  const { model: trained } = await finished(
    train(model, data, { ...settings, optimizer: { type: "sgd" }, epochs: 1, learningRate: 0.1 }),
  );
  const [before, after] = [model, trained].map(embedding);
  for (let token = 0; token < VOCABULARY; token++) {
    const isSame = before![token]!.every((number, i) => number === after![token]![i]);
    expect(isSame, `token ${token}`).toBe(token >= 10);
  }
});

test("perturbing the weights is no change to the tokens", async () => {
  const { history } = await finished(
    train(model, texts(200, 1), { ...settings, epochs: 3, method: awp(plainTraining(), { gamma: 0.01 }) }),
  );
  expect(history.at(-1)!.loss).toBeLessThan(0.7 * history[0]!.loss);
});

test.each([
  ["a method that perturbs", { method: pgdTraining() }, /method pgd: .*got whole numbers/],
  ["noise", { method: gaussianTraining() }, /method gaussian: .*got whole numbers/],
  ["a ball", { ball: { norm: "linf", epsilon: 1 } }, /epsilon: expected 0 for a model of tokens, got 1/],
  ["a blend", { mixing: { type: "mixup", alpha: 1 } }, /mixing: expected none for a model of tokens, got mixup/],
] as const)("%s around tokens is refused", async (_, extra, message) => {
  await expect(finished(train(model, texts(20, 1), { ...settings, ...extra }))).rejects.toThrow(message);
});

test("only inputs of whole numbers are tokens", () => {
  expect([model, smallModel()].map(takesTokens)).toEqual([true, false]);
});

/** Tokens 0 to 7 at random with the pair 8, 9 at a random place in class 0, and 9, 8 in class 1. */
function texts(count: number, seed: number): LabelledSamples {
  const data = fillIntegers(new Int32Array(8 * count), { seed, stream: 1, sample: 0, step: 0 }, 8);
  const places = fillIntegers(new Int32Array(count), { seed, stream: 2, sample: 0, step: 0 }, 7);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (const [i, label] of labels.entries()) data.set(label === 0 ? [8, 9] : [9, 8], 8 * i + places[i]!);
  return { x: tensor([count, 8], Float32Array.from(data)), labels };
}

async function accuracy(trained: Model, { x, labels }: LabelledSamples): Promise<number> {
  const session = await openSession(trained);
  const input = { dtype: "int64", shape: x.shape, data: BigInt64Array.from(x.data, (each) => BigInt(each)) } as const;
  const { logits } = await session.run({ input }).finally(() => session.dispose());
  const scores = logits!.data as Float32Array;
  return labels.filter((label, i) => scores[2 * i + label]! > scores[2 * i + 1 - label]!).length / labels.length;
}

function embedding({ graph }: Model): number[][] {
  const { shape, data } = initializerTensor(graph.initializers.get("embedding.weight")!);
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, i) => [...(data as Float32Array).slice(i * width, (i + 1) * width)]);
}

async function finished<Result>(events: AsyncGenerator<unknown, Result>): Promise<Result> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}
