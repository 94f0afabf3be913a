import {
  type ConstraintSpec,
  constraints,
  type GradientClassifier,
  linf,
  openClassifier,
  type Threat,
  threats,
} from "@casemate/attacks";
import { openTrainer, type Trainer } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import { awp, mlp, type TrainingMethod, trainingMethods } from "../../src/index.ts";
import type { Batch, TrainingState } from "../../src/training/method.ts";

const ROWS = 6;

describe("smooth-adv", () => {
  const options = { sigma: 0.5, copies: 3, steps: 1, stepSize: 1 };

  test("climbs −log of the mean softmax over its noises, and trains under the same noises", async () => {
    const { batch, classifier } = await setUp(2);
    const method = trainingMethods["smooth-adv"].create(options);
    const [still] = await fedBy(method, batch, classifier, threats.l2(0)); // the samples under their noises
    const [moved] = await fedBy(method, batch, classifier, threats.l2(0.01));
    const noiseOf = (copy: number, i: number) => still!.data[copy * batch.x.data.length + i]! - batch.x.data[i]!;
    const smoothed = async (x: Float32Array): Promise<Float64Array> => {
      const sum = new Float64Array(ROWS);
      for (let copy = 0; copy < options.copies; copy++) {
        const noisy = tensor(
          batch.x.shape,
          x.map((each, i) => each + noiseOf(copy, i)),
        );
        const { data } = await classifier.logits(noisy);
        for (const [row, label] of batch.labels.entries()) {
          const odds = Math.exp(data[2 * row + 1 - label]! - data[2 * row + label]!);
          sum[row]! += 1 / (1 + odds) / options.copies;
        }
      }
      return sum.map((mean) => -Math.log(mean));
    };
    const slopes = new Float64Array(batch.x.data.length);
    const width = batch.x.shape[1]!;
    const h = 1e-3; // so small that no ReLU bends on the way
    for (let j = 0; j < width; j++) {
      const shifted = (by: number) => smoothed(batch.x.data.map((each, i) => (i % width === j ? each + by : each)));
      const [above, below] = [await shifted(h), await shifted(-h)];
      for (let row = 0; row < ROWS; row++) slopes[row * width + j] = (above[row]! - below[row]!) / (2 * h);
    }
    for (let row = 0; row < ROWS; row++) {
      const own = slopes.subarray(row * width, (row + 1) * width);
      const length = Math.hypot(...own);
      for (let j = 0; j < width; j++) {
        const i = row * width + j;
        for (let copy = 0; copy < options.copies; copy++) {
          const change = moved!.data[copy * batch.x.data.length + i]! - batch.x.data[i]! - noiseOf(copy, i);
          expect(change / 0.01).toBeCloseTo(own[j]! / length, 2);
        }
      }
    }
  });

  test("its noises are of the deviation asked for, and differ between copies", async () => {
    const { batch, classifier } = await setUp(400);
    const [fed] = await fedBy(trainingMethods["smooth-adv"].create(options), batch, classifier, threats.l2(0));
    const noise = fed!.data.map((each, i) => each - batch.x.data[i % batch.x.data.length]!);
    const variance = noise.reduce((sum, each) => sum + each * each, 0) / noise.length;
    // The variance of 7,200 squared normal numbers is off by 1.7 % as a rule.
    expect(variance).toBeGreaterThan(0.25 * 0.93);
    expect(variance).toBeLessThan(0.25 * 1.07);
    const [first, second] = [noise.subarray(0, 400), noise.subarray(batch.x.data.length, batch.x.data.length + 400)];
    expect([...first]).not.toEqual([...second]);
  });
});

describe("rules of a table", () => {
  const spec: ConstraintSpec = {
    features: [
      { name: "amount", range: { lower: 0, upper: 10 } },
      { name: "count", range: { lower: 0, upper: 10 }, integer: true },
      { name: "age", range: { lower: 0, upper: 10 }, direction: "up" },
      { name: "id", range: { lower: 0, upper: 10 }, mutable: false },
    ],
  };
  const mask = Uint8Array.of(1, 1, 1, 0);
  const bounds = { lower: 0, upper: 10 };

  test.each(["tabular", "pgd", "trades", "mart", "fast", "free", "fgsm", "ensemble"] as const)(
    "are met by every example of %s, inside the ball",
    async (name) => {
      const { batch, classifier } = await setUp(4, bounds);
      const x = batch.x.data.map((each, i) => (i % 4 === 1 ? Math.round(each * 10) : each * 10));
      const table = { ...batch, x: tensor(batch.x.shape, x) };

      const method = trainingMethods[name].create(name === "ensemble" ? { others: [classifier] } : {});
      const threat = linf(1.5, { mask, constraints: constraints(spec) });
      const fed = await fedBy(method, table, classifier, threat);
      let changes = 0;
      for (const { data } of fed) {
        for (const [i, value] of data.entries()) {
          const clean = x[i % x.length]!;
          if (value !== clean) changes++;
          expect(Math.abs(value - clean)).toBeLessThanOrEqual(1.5 + 1e-5);
          if (i % 4 === 1) expect(Number.isInteger(value)).toBe(true);
          if (i % 4 === 2) expect(value).toBeGreaterThanOrEqual(clean);
          if (i % 4 === 3) expect(value).toBe(clean);
        }
      }
      expect(changes).toBeGreaterThan(0);
    },
  );

  test("tabular takes half of each step on the clean rows", async () => {
    const { batch, classifier } = await setUp(4, bounds);
    const free = { features: spec.features.map(({ name, range }) => ({ name, range: range! })) };
    const [fed] = await fedBy(
      trainingMethods.tabular.create({}),
      batch,
      classifier,
      linf(0.1, { constraints: constraints(free) }),
    );
    expect(fed!.shape).toEqual([2 * ROWS, 4]);
    expect(fed!.data.subarray(0, batch.x.data.length)).toEqual(batch.x.data);
  });

  test("tabular refuses a threat without any", async () => {
    const { batch, classifier } = await setUp(4, bounds);
    await expect(fedBy(trainingMethods.tabular.create({}), batch, classifier, linf(0.1))).rejects.toThrow(
      "tabular: expected a contract with rules for its features",
    );
  });
});

test("ensemble draws each batch's model by its key, its own among them", async () => {
  const { batch, classifier } = await setUp(2);
  const asked = new Set<string>();
  const heard = (name: string, model: GradientClassifier): GradientClassifier => ({
    ...model,
    lossGradient(...request) {
      asked.add(name);
      return model.lossGradient(...request);
    },
  });
  const method = trainingMethods.ensemble.create({ others: [heard("first", classifier), heard("second", classifier)] });
  for (let step = 0; step < 24; step++) {
    const draw = (row: number, purpose: number) => ({ seed: 1, stream: purpose, sample: row, step });
    await fedBy(method, { ...batch, draw }, heard("own", classifier), linf(0.1));
  }
  expect([...asked].sort()).toEqual(["first", "own", "second"]);
});

test("adversarial weight perturbation moves each layer up its gradient by a share of its norm, and no bias", async () => {
  const { batch } = await setUp(2);
  const method = trainingMethods.plain.create();
  const trainer = await openTrainer(modelOf(2), { loss: method.loss(2), optimizer: { type: "sgd" }, threads: 1 });
  onTestFinished(() => trainer.dispose());
  const weights = new Map([...trainer.weights].map(([name, { data }]) => [name, data.slice()]));
  const gradients = await trainer.gradients({ input: batch.x, targets: batch.targets });
  const moves: [ReadonlyMap<string, Tensor>, number][] = [];
  const recording = watched(trainer, {
    shift(...move) {
      moves.push(move);
    },
  });
  const { classifier } = await setUp(2);
  await awp(method, { gamma: 0.02 }).step(batch, stateOf(recording, classifier, linf(0)));
  expect(moves.map(([, scale]) => scale)).toEqual([0.02, -0.02]);
  const [[direction]] = moves as [[ReadonlyMap<string, Tensor>, number]];
  expect([...direction.keys()].sort()).toEqual(["dense1.weight", "dense2.weight"]);
  for (const [name, { data }] of direction) {
    const slopes = gradients.get(name)!.data;
    const scale = Math.hypot(...weights.get(name)!) / Math.hypot(...slopes);
    for (const [i, each] of data.entries()) expect(each).toBeCloseTo(scale * slopes[i]!, 5);
  }
});

test("distillation trains towards the teacher's softmax at its temperature", async () => {
  const { batch, classifier } = await setUp(2);
  const temperature = 5;
  const seen: Tensor[] = [];
  await fedBy(
    trainingMethods.distillation.create({ temperature, teacher: classifier }),
    batch,
    classifier,
    linf(0),
    seen,
  );
  const { data } = await classifier.logits(batch.x);
  for (let row = 0; row < ROWS; row++) {
    const odds = Math.exp((data[2 * row + 1]! - data[2 * row]!) / temperature);
    expect(seen[0]!.data[2 * row]).toBeCloseTo(1 / (1 + odds), 5);
    expect(seen[0]!.data[2 * row + 1]).toBeCloseTo(odds / (1 + odds), 5);
  }
});

/** Six samples of so many features, and a small network that tells two classes apart. */
async function setUp(
  width: number,
  bounds = { lower: 0, upper: 1 },
): Promise<{ batch: Batch; classifier: GradientClassifier }> {
  const classifier = await openClassifier(modelOf(width), { bounds });
  onTestFinished(() => classifier.dispose());
  const values = Float32Array.from({ length: ROWS * width }, (_, i) => 0.5 + 0.4 * Math.sin(12.9898 * (i + 1)));
  const labels = Int32Array.from({ length: ROWS }, (_, i) => i % 2);
  const targets = tensor([ROWS, 2]);
  for (const [row, label] of labels.entries()) targets.data[2 * row + label] = 1;
  const draw = (row: number, purpose: number) => ({ seed: 3, stream: purpose, sample: row, step: 1 });
  return { batch: { x: tensor([ROWS, width], values), labels, targets, draw }, classifier };
}

const modelOf = (width: number) => mlp({ inputShape: [width], classes: 2, hidden: [8], seed: 4 });

/** What the trainer is fed in one step that leaves the weights as they are; `targets` are added to `seen`. */
async function fedBy(
  method: TrainingMethod,
  batch: Batch,
  classifier: GradientClassifier,
  threat: Threat,
  seen: Tensor[] = [],
): Promise<Tensor[]> {
  const trainer = await openTrainer(modelOf(batch.x.shape[1]!), {
    loss: method.loss(2),
    optimizer: { type: "sgd" },
    threads: 1,
    ...(method.needsInputGradient && { wrt: ["input"] }),
  });
  onTestFinished(() => trainer.dispose());
  const fed: Tensor[] = [];
  const recording = watched(trainer, {
    step(feeds, rate) {
      const { shape, data } = feeds.input as Tensor;
      fed.push(tensor(shape, data.slice()));
      seen.push(feeds.targets as Tensor);
      return trainer.step(feeds, rate);
    },
  });
  await method.step(batch, stateOf(recording, classifier, threat));
  return fed;
}

/** A trainer of which something is recorded. */
function watched(trainer: Trainer, changes: Partial<Trainer>): Trainer {
  return {
    weights: trainer.weights,
    state: trainer.state,
    step: (feeds, rate) => trainer.step(feeds, rate),
    gradients: (feeds) => trainer.gradients(feeds),
    shift: (direction, scale) => trainer.shift(direction, scale),
    load: (state) => trainer.load(state),
    dispose: () => trainer.dispose(),
    ...changes,
  };
}

function stateOf(trainer: Trainer, classifier: GradientClassifier, threat: Threat): TrainingState {
  return { trainer, classifier, input: "input", threat, rate: 0, ramp: 0, memory: new Map() };
}
