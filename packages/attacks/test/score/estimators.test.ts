import { takeRows, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type Classifier, type GradientClassifier, linf, nes, pgd, run, spsa } from "../../src/index.ts";
import { linear, mlp, randomLinear, samplesFor } from "../classifiers.ts";

type Wrap = (classifier: Classifier, samples: number, seed?: number) => GradientClassifier;

const estimators: readonly (readonly [string, Wrap])[] = [
  ["NES", (classifier, samples, seed = 0) => nes(classifier, { samples, sigma: 0.01, seed })],
  ["SPSA", (classifier, samples, seed = 0) => spsa(classifier, { samples, delta: 0.01, seed })],
];

describe.each(estimators)("%s", (_, wrap) => {
  test("estimates the gradient itself, not a multiple of it", async () => {
    const model = linear(
      [
        [1, -2, 0.5, 0],
        [0, 0, 0, 0],
      ],
      [0, 0],
    );
    const x = tensor([1, 4], Float32Array.of(0.5, 0.5, 0.5, 0.5));
    const { gradient, loss } = await wrap(model, 40_000).lossGradient(x, Int32Array.of(0), "margin");
    for (const [j, slope] of [-1, 2, -0.5, 0].entries()) expect(gradient.data[j]).toBeCloseTo(slope, 1);
    expect(loss[0]).toBeCloseTo(0.25, 5);
  });

  test("gives a row the same estimate whatever stands beside it, and another for another seed", async () => {
    const model = randomLinear([6], 3, 1);
    const [x, labels] = await samplesFor(model, 5, 1);
    const estimate = async (rows: readonly number[], seed?: number) => {
      const chosen = Int32Array.from(rows, (row) => labels[row]!);
      return (await wrap(model, 10, seed).lossGradient(takeRows(x, rows), chosen, "cross-entropy")).gradient.data;
    };
    const all = await estimate([0, 1, 2, 3, 4]);
    expect(await estimate([3])).toEqual(all.subarray(18, 24));
    expect(await estimate([4, 3])).toEqual(Float32Array.of(...all.subarray(24, 30), ...all.subarray(18, 24)));
    expect(await estimate([3], 1)).not.toEqual(all.subarray(18, 24));
  });

  test("makes PGD a black-box attack whose queries count as forward passes, and no backward ones", async () => {
    const model = randomLinear([8], 3, 2);
    const [x, labels] = await samplesFor(model, 6, 2);
    const { lossGradient: _, ...scoring } = model;
    const attack = pgd({ steps: 5, stepSize: 0.4, randomStart: false });
    const white = await run(model, x, labels, linf(0.1), { attack });
    const black = await run(wrap(scoring, 400), x, labels, linf(0.1), { attack, activeSet: false });
    expect(black.curve[0]!.broken).toBe(white.curve[0]!.broken);
    expect(black.curve[0]!.broken).toBeGreaterThan(0);
    for (const { forward, backward, status } of black.samples) {
      expect(forward).toBe(1 + 5 * 401 + 1 + (status === "broken" ? 1 : 0));
      expect(backward).toBe(0);
    }
    expect(black.queries).toEqual({
      forward: black.samples.reduce((sum, { forward }) => sum + forward, 0),
      backward: 0,
    });
  });

  test("keeps to a budget of queries", async () => {
    const model = randomLinear([8], 3, 2);
    const [x, labels] = await samplesFor(model, 6, 2);
    const attack = pgd({ steps: 50, stepSize: 0.1 });
    const budget = { queries: 1000 };
    const { queries, samples, isComplete } = await run(wrap(model, 50), x, labels, linf(1e-4), { attack, budget });
    expect(queries.forward).toBeLessThanOrEqual(1000);
    expect(isComplete).toBe(false);
    expect(samples.every(({ status }) => status === "failed")).toBe(true);
  });

  test.each([0, 3, 1.5])("refuses %s samples", (samples) => {
    expect(() => wrap(randomLinear([2], 2, 0), samples)).toThrow(/expected an even number of samples from 2/);
  });

  test("fails a sample whose scores are not numbers, instead of calling it robust", async () => {
    const model = mlp([4], 4, 3, 1);
    const [x, labels] = await samplesFor(model, 3, 1);
    const broken: Classifier = {
      ...model,
      async logits(batch) {
        const scores = await model.logits(batch);
        if (batch.shape[0]! > 3) scores.data.fill(Number.NaN); // the estimator's points, not the samples
        return scores;
      },
    };
    const { samples } = await run(wrap(broken, 10), x, labels, linf(0.01), { attack: pgd({ steps: 2 }) });
    expect(samples.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
  });
});

test("a gradient attack through an estimator does not depend on the batch size", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 7, 3);
  const attack = pgd({ steps: 4 });
  const runs = [1, 3, 64].map((batchSize) => run(nes(model), x, labels, linf(0.1), { attack, batchSize, seed: 2 }));
  const [one, three, all] = await Promise.all(runs);
  expect(one!.samples).toEqual(all!.samples);
  expect(three!.samples).toEqual(all!.samples);
});
