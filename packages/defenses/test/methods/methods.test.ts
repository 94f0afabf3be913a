import { linf, openClassifier } from "@casemate/attacks";
import { type LossSubgraph, openTrainer } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  awp,
  type MethodName,
  type MethodOptions,
  type MethodRow,
  mlp,
  type TrainingMethod,
  train,
  trainingMethods,
} from "../../src/index.ts";
import type { Batch, TrainingState } from "../../src/training/method.ts";
import { blobs, smallModel, unit } from "../training/blobs.ts";

const EPSILON = 0.1;
const names = (Object.keys(trainingMethods) as MethodName[]).filter((name) => name !== "tabular");

describe.each(names)("%s", (name) => {
  test("feeds examples inside the ball and the bounds, its noise apart", async () => {
    const method = await made(name);
    const { fed, batch } = await oneStep(method);
    expect(fed.length).toBeGreaterThan(0);
    if (["gaussian", "smooth-adv", "fgsm", "ablation"].includes(name)) return; // noise, a snippet without a clip, views
    for (const { data } of fed) {
      for (let i = 0; i < data.length; i++) {
        expect(Math.abs(data[i]! - batch.x.data[i % batch.x.data.length]!)).toBeLessThanOrEqual(EPSILON + 1e-6);
        expect(data[i]).toBeGreaterThanOrEqual(0);
        expect(data[i]).toBeLessThanOrEqual(1);
      }
    }
  });

  test("takes the same step from the same draws", async () => {
    const [first, second] = [await oneStep(await made(name)), await oneStep(await made(name))];
    expect([...first.loss]).toEqual([...second.loss]);
    expect(first.weights).toEqual(second.weights);
  });

  test("trains a model that is right and, where it looks for examples, withstands them", async () => {
    const events = train(smallModel(), blobs(200, 1), {
      classifier: unit,
      method: await made(name),
      epochs: 8,
      batchSize: 20,
      learningRate: 0.05,
      schedule: "cosine",
      ball: { norm: "linf", epsilon: EPSILON },
      validation: blobs(100, 2),
    });
    let next = await events.next();
    while (!next.done) next = await events.next();
    const best = next.value.history.find(({ epoch }) => epoch === (next.value as { bestEpoch: number }).bestEpoch)!;
    expect(best.correct).toBeGreaterThanOrEqual(95);
    if (trainingMethods[name].needsEpsilon) expect(best.robust).toBeGreaterThanOrEqual(85);
  });
});

test("on a linear model the worst point is a whole epsilon against the difference of the weights", async () => {
  const { fed, batch, weights } = await oneStep(trainingMethods.pgd.create({ steps: 8, stepSize: 0.5 }), []);
  const w = weights.before.get("dense1.weight")!.data;
  for (const [row, label] of batch.labels.entries()) {
    for (const j of [0, 1]) {
      const slope = w[(1 - label) * 2 + j]! - w[label * 2 + j]!;
      const worst = Math.min(1, Math.max(0, batch.x.data[2 * row + j]! + EPSILON * Math.sign(slope)));
      expect(fed[0]!.data[2 * row + j]).toBeCloseTo(worst, 5);
    }
  }
});

test("ablation feeds each sample but for what is hidden, at places that differ", async () => {
  const { fed, batch } = await oneStep(trainingMethods.ablation.create({ size: 1 }));
  const left = Array.from(batch.labels, (_, row) => {
    const kept = [0, 1].filter((j) => fed[0]!.data[2 * row + j] === batch.x.data[2 * row + j]);
    const hidden = [0, 1].filter((j) => fed[0]!.data[2 * row + j] === 0.5);
    expect([kept.length, hidden.length]).toEqual([1, 1]);
    return kept[0];
  });
  expect(new Set(left)).toEqual(new Set([0, 1]));
  await expect(oneStep(trainingMethods.ablation.create({ size: 2 }))).rejects.toThrow(
    "ablation: expected a whole size",
  );
});

test.each([
  [30, 8, 4],
  [8, 8, 1],
  [9, 8, 2],
  [3, 1, 3],
])(
  "free: %d epochs of %d replays go through the data %d times, and the schedule and ramp end there",
  async (epochs, replays, passes) => {
    const method = trainingMethods.free.create({ replays });
    const rates: number[] = [];
    const ramps: number[] = [];
    const watched: TrainingMethod = {
      ...method,
      step: (batch, state) => {
        rates.push(state.rate);
        ramps.push(state.ramp);
        return method.step(batch, state);
      },
    };
    const events = train(smallModel(), blobs(40, 1), {
      ...{
        classifier: unit,
        method: watched,
        epochs,
        batchSize: 10,
        learningRate: 0.01,
        schedule: "cosine",
        ramp: 0.5,
      },
      ...{ ball: { norm: "linf", epsilon: EPSILON }, validation: blobs(20, 2) },
    });
    let next = await events.next();
    expect(next.value).toMatchObject({ type: "started", epochs: passes, replays });
    while (!next.done) next = await events.next();
    expect(next.value).toMatchObject({ epochs: passes });
    expect(next.value.history.map(({ epoch }) => epoch)).toEqual(Array.from({ length: passes }, (_, i) => i + 1));
    const steps = 4 * passes;
    expect(rates).toEqual(
      Array.from({ length: steps }, (_, step) =>
        expect.closeTo(0.005 * (1 + Math.cos((Math.PI * (step + 0.5)) / steps)), 8),
      ),
    );
    expect(ramps).toEqual(
      Array.from({ length: steps }, (_, step) => expect.closeTo(Math.min(1, (2 * step) / steps), 8)),
    );
  },
);

test("adversarial weight perturbation takes its step at moved weights, and moves them back", async () => {
  const plain = trainingMethods.plain.create();
  const still = await oneStep(awp(plain, { gamma: 0 }));
  const base = await oneStep(plain);
  expect(still.weights.after).toEqual(base.weights.after);
  const moved = await oneStep(awp(plain, { gamma: 0.05 }), undefined, 0);
  for (const [name, { data }] of moved.weights.after) {
    for (const [i, each] of moved.weights.before.get(name)!.data.entries()) expect(data[i]).toBeCloseTo(each, 5);
  }
  expect(moved.loss.reduce((a, b) => a + b)).toBeGreaterThan(base.loss.reduce((a, b) => a + b));
});

test.each<[string, () => TrainingMethod, string]>([
  ["ensemble without other models", () => trainingMethods.ensemble.create({}), "ensemble: expected at least one other"],
  ["no replays", () => trainingMethods.free.create({ replays: 0 }), "free: expected a whole number of replays"],
  [
    "a temperature of 0",
    () => trainingMethods.distillation.create({ temperature: 0 }),
    "distillation: expected a temp",
  ],
  ["a negative gamma", () => awp(trainingMethods.plain.create(), { gamma: -1 }), "awp: expected a gamma from 0"],
])("%s is refused", (_, create, message) => {
  expect(create).toThrow(message);
});

/** Milder than the defaults where eight epochs on a plane are too few for these. */
const options: Partial<Record<MethodName, MethodOptions>> = {
  gaussian: { sigma: 0.05 },
  "smooth-adv": { sigma: 0.05 },
  distillation: { temperature: 2 },
  ablation: { size: 1 },
};

async function made(name: MethodName): Promise<TrainingMethod> {
  const row: MethodRow = trainingMethods[name];
  if (name !== "ensemble") return row.create(options[name] ?? {});
  const other = await openClassifier(smallModel(5), unit);
  onTestFinished(() => other.dispose());
  return row.create({ others: [other] });
}

/** One step on 20 points at a rate of 0.01, and what the trainer was fed. */
async function oneStep(method: TrainingMethod, hidden: readonly number[] = [8], rate = 0.01) {
  const model = mlp({ inputShape: [2], classes: 2, hidden, seed: 3 });
  const graph = (await method.graph?.(model)) ?? model;
  const loss: LossSubgraph = method.loss(2);
  const trainer = await openTrainer(graph, {
    loss,
    optimizer: { type: "sgd" },
    threads: 1,
    ...(method.needsInputGradient && { wrt: ["input"] }),
  });
  const classifier = await openClassifier(model, { ...unit, weights: trainer.weights });
  onTestFinished(async () => {
    await trainer.dispose();
    await classifier.dispose();
  });
  const fed: Tensor[] = [];
  const recording: TrainingState["trainer"] = {
    weights: trainer.weights,
    state: trainer.state,
    gradients: (feeds) => trainer.gradients(feeds),
    shift: (direction, scale) => trainer.shift(direction, scale),
    load: (state) => trainer.load(state),
    dispose: () => trainer.dispose(),
    step(feeds, stepRate) {
      const { shape, data } = feeds.input as Tensor;
      fed.push(tensor(shape, data.slice()));
      return trainer.step(feeds, stepRate);
    },
  };
  const { x, labels } = blobs(20, 4);
  const targets = tensor(
    [20, 2],
    Float32Array.from({ length: 40 }, (_, i) => Number(labels[i >> 1] === i % 2)),
  );
  const draw = (row: number, purpose: number) => ({ seed: 9, stream: purpose, sample: row, step: 1 });
  const batch: Batch = { x, labels, targets, draw };
  const before = new Map(trainer.weights);
  const losses = await method.step(batch, {
    trainer: recording,
    classifier,
    input: "input",
    threat: linf(EPSILON),
    rate,
    ramp: 0.5,
    memory: new Map(),
  });
  return { fed, batch, loss: losses, weights: { before, after: new Map(trainer.weights) } };
}
