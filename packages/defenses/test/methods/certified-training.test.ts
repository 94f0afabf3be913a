import { linf, openClassifier, type Threat, threats } from "@casemate/attacks";
import { type Model, openTrainer, type Trainer, withWeights } from "@casemate/onnx";
import { fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  type Batch,
  crownIbpTraining,
  ibpTraining,
  mlp,
  openVerifier,
  plainTraining,
  resNet,
  type TrainingMethod,
  type TrainingResult,
  type TrainingState,
  type TrainOptions,
  train,
} from "../../src/index.ts";

const bounds = { lower: 0, upper: 1 };
const CLASSES = 3;
const EPSILON = 0.05;
const STEPS = 150;
const methods = [ibpTraining(), crownIbpTraining()];

function points(count: number, width: number): Tensor {
  const x = tensor([count, width]);
  fillUniform(x.data, { seed: 4, stream: 0, sample: 0, step: 0 });
  return x;
}

const x = points(5, 4);
const labels = Int32Array.of(0, 2, 1, 0, 2);
const model = mlp({ inputShape: [4], hidden: [8, 6], classes: CLASSES, seed: 2 });

function batchOf(): Batch {
  const targets = tensor([labels.length, CLASSES]);
  for (const [row, label] of labels.entries()) targets.data[row * CLASSES + label] = 1;
  return { x, labels, targets, draw: (row) => ({ seed: 0, stream: 0, sample: row, step: 0 }) };
}

interface Setting {
  readonly ramp: number;
  readonly threat?: Threat;
  readonly rate?: number;
}

async function withTrainer<Result>(
  method: TrainingMethod,
  { ramp, threat = linf(EPSILON), rate = 0 }: Setting,
  use: (step: () => Promise<Float32Array>, trainer: Trainer) => Promise<Result>,
): Promise<Result> {
  const trainer = await openTrainer(await method.graph!(model), {
    loss: method.loss(CLASSES),
    optimizer: { type: "sgd" },
    threads: 1,
  });
  const classifier = await openClassifier(model, { bounds, weights: trainer.weights, threads: 1 });
  const state: TrainingState = { trainer, classifier, input: "input", threat, rate, ramp, memory: new Map() };
  try {
    return await use(() => method.step(batchOf(), state), trainer);
  } finally {
    await trainer.dispose();
    await classifier.dispose();
  }
}

const crossEntropy = (logits: readonly number[], label: number): number => {
  const most = Math.max(...logits);
  return most + Math.log(logits.reduce((sum, each) => sum + Math.exp(each - most), 0)) - logits[label]!;
};

/** The losses of clean samples and of the worst cases that a verifier knows. */
async function expectedLosses(trained: Model) {
  const classifier = await openClassifier(trained, { bounds, threads: 1 });
  const { data } = await classifier.logits(x);
  await classifier.dispose();
  const verifier = await openVerifier(trained, { method: "ibp", rounding: "nearest", bounds, threads: 1 });
  const margins = await verifier.margins(x, labels, { epsilon: EPSILON });
  await verifier.dispose();
  return [...labels].map((label, i) => {
    const worst = [...margins.data.subarray(i * (CLASSES - 1), (i + 1) * (CLASSES - 1))].map((margin) => -margin);
    const whole = [...worst.slice(0, label), 0, ...worst.slice(label)];
    return {
      clean: crossEntropy([...data.subarray(i * CLASSES, (i + 1) * CLASSES)], label),
      worst: crossEntropy(whole, label),
    };
  });
}

describe.each(methods)("$name", (method) => {
  test("starts from the loss of clean samples", async () => {
    const losses = await withTrainer(method, { ramp: 0 }, (step) => step());
    const expected = await expectedLosses(model);
    for (const [i, { clean }] of expected.entries()) expect(losses[i]).toBeCloseTo(clean, 4);
  });

  test("ends at half of that and half of the loss of IBP's worst case", async () => {
    const losses = await withTrainer(method, { ramp: 1 }, (step) => step());
    const expected = await expectedLosses(model);
    for (const [i, { clean, worst }] of expected.entries()) {
      expect(worst).toBeGreaterThan(clean);
      expect(losses[i]).toBeCloseTo((clean + worst) / 2, 4);
    }
  });

  test.each([0.4, 1])("steps along the gradient of its loss, at %d of the ramp", async (ramp) => {
    // A step of rate r lowers the mean loss by r |g|², to first order.
    const mean = (losses: Float32Array) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const rate = 1e-4;
    await withTrainer(method, { ramp, rate }, async (step, trainer) => {
      const before = new Map([...trainer.weights].map(([name, { data }]) => [name, data.slice()]));
      const first = mean(await step());
      let moved = 0;
      for (const [name, { data }] of trainer.weights) {
        for (const [i, weight] of before.get(name)!.entries()) moved += (weight - data[i]!) ** 2;
      }
      expect(moved).toBeGreaterThan(0);
      const fallen = first - mean(await step());
      expect(fallen / (moved / rate)).toBeGreaterThan(0.9);
      expect(fallen / (moved / rate)).toBeLessThan(1.1);
    });
  });

  test("refuses balls in L2", async () => {
    const running = withTrainer(method, { ramp: 1, threat: threats.l2(0.1) }, (step) => step());
    await expect(running).rejects.toThrow("certified training: expected a ball in linf, got one in l2");
  });

  test("refuses batch normalisation", async () => {
    const normalized = resNet({ inputShape: [1, 8, 8], classes: CLASSES, seed: 1, blocks: [1], width: 4 });
    await expect(method.graph!(normalized)).rejects.toThrow("got BatchNormalization");
  });

  test("certifies samples that plain training leaves open", async () => {
    const data = bands(200);
    const start = mlp({ inputShape: [6], hidden: [24], classes: 2, seed: 3 });
    const targets = tensor([200, 2]);
    for (const [row, label] of data.labels.entries()) targets.data[2 * row + label] = 1;
    const batch: Batch = { ...data, targets, draw: (row) => ({ seed: 0, stream: 0, sample: row, step: 0 }) };
    const certifiedAfter = async (chosen: TrainingMethod) => {
      const trainer = await openTrainer((await chosen.graph?.(start)) ?? start, {
        ...{ loss: chosen.loss(2), optimizer: { type: "adam" }, threads: 1 },
      });
      const classifier = await openClassifier(start, { bounds, weights: trainer.weights, threads: 1 });
      for (let step = 0; step < STEPS; step++) {
        const ramp = Math.min(1, (2 * step) / STEPS);
        const threat = linf(0.1 * ramp);
        const memory = new Map();
        await chosen.step(batch, { trainer, classifier, input: "input", threat, rate: 0.01, ramp, memory });
      }
      const trained = withWeights(start, trainer.weights);
      const verifier = await openVerifier(trained, { method: "ibp", bounds, threads: 1 });
      const { data: margins } = await verifier.margins(data.x, data.labels, { epsilon: 0.1 });
      await Promise.all([verifier.dispose(), classifier.dispose(), trainer.dispose()]);
      return margins.filter((margin) => margin > 1e-5).length;
    };
    const [plain, certified] = [await certifiedAfter(plainTraining()), await certifiedAfter(method)];
    expect(certified).toBeGreaterThan(plain + 30);
    expect(certified).toBeGreaterThan(190);
  });
});

describe.each(methods)("a training by $name", (method) => {
  const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
    classifier: { bounds, threads: 1 },
    method,
    epochs: 8,
    batchSize: 20,
    learningRate: 0.01,
    schedule: "constant",
    ball: { norm: "linf", epsilon: 0.1 },
    validation: bands(60),
    ...more,
  });
  const start = mlp({ inputShape: [6], hidden: [24], classes: 2, seed: 3 });

  test("keeps the epoch after the ramp with the most certified samples, and counts them as a verifier does", async () => {
    const { history, bestEpoch, model: trained } = await finished(train(start, bands(200), options()));
    const after = history.filter(({ epsilon }) => epsilon === 0.1);
    expect(after.map(({ epoch }) => epoch)).toEqual([4, 5, 6, 7, 8]);
    const most = Math.max(...after.map(({ certified }) => certified!));
    const best = history.find(({ epoch }) => epoch === bestEpoch)!;
    expect(after).toContain(best);
    expect(best.certified).toBe(most);
    const { x: points, labels: classes } = bands(60);
    const verifier = await openVerifier(trained, { method: "ibp", bounds, threads: 1 });
    const { data } = await verifier.margins(points, classes, { epsilon: 0.1 });
    await verifier.dispose();
    expect(most).toBe(data.filter((margin) => margin > 1e-5).length);
    expect(most).toBeGreaterThan(30);
    for (const { certified, robust } of history) expect(certified).toBeLessThanOrEqual(robust!);
  });

  test("lets the loop say how long kappa falls: half of the training unless told", async () => {
    const ramps = async (more: Partial<TrainOptions>) => {
      const seen: number[] = [];
      const watched: TrainingMethod = {
        ...method,
        step: (batch, state) => {
          const { epsilon } = state.threat;
          expect(epsilon).toBeCloseTo(0.1 * state.ramp, 6);
          seen.push(state.ramp);
          return method.step(batch, state);
        },
      };
      await finished(train(start, bands(200), options({ ...more, method: watched, epochs: 1, batchSize: 25 })));
      return seen;
    };
    expect(await ramps({})).toEqual([0, 0.25, 0.5, 0.75, 1, 1, 1, 1]);
    expect(await ramps({ ramp: 0.25 })).toEqual([0, 0.5, 1, 1, 1, 1, 1, 1]);
    expect(await ramps({ ramp: 0 })).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });
});

test("more certified samples outweigh more robust ones", async () => {
  const { history, bestEpoch } = await finished(
    train(mlp({ inputShape: [6], hidden: [24], classes: 2, seed: 3 }), bands(200), {
      ...{ classifier: { bounds, threads: 1 }, method: { ...plainTraining(), certifiedBy: "ibp" }, batchSize: 20 },
      ...{ epochs: 6, learningRate: 0.1, schedule: "constant", validation: bands(60) },
      ball: { norm: "linf", epsilon: 0.25 },
    }),
  );
  const best = history.find(({ epoch }) => epoch === bestEpoch)!;
  const mostRobust = Math.max(...history.map(({ robust }) => robust!));
  expect(best.certified).toBe(Math.max(...history.map(({ certified }) => certified!)));
  expect(best.robust).toBeLessThan(mostRobust);
});

async function finished(events: AsyncGenerator<unknown, TrainingResult>): Promise<TrainingResult> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}

test("CROWN-IBP's first bounds are those of CROWN where one layer bends", async () => {
  // With one hidden layer the intervals of what Relu takes are exact, so the margins are CROWN's own.
  const shallow = mlp({ inputShape: [4], hidden: [8], classes: CLASSES, seed: 5 });
  const method = crownIbpTraining({ kappa: 0 });
  const trainer = await openTrainer(await method.graph!(shallow), {
    loss: method.loss(CLASSES),
    optimizer: { type: "sgd" },
    threads: 1,
  });
  const verifier = await openVerifier(shallow, { method: "crown", rounding: "nearest", bounds, threads: 1 });
  const { data } = await verifier.margins(x, labels, { epsilon: EPSILON });
  await verifier.dispose();
  const classifier = await openClassifier(shallow, { bounds, threads: 1 });
  const seen: Tensor[] = [];
  const watching: Trainer = {
    ...trainer,
    async step(feeds, rate) {
      const result = await trainer.step(feeds, rate);
      seen.push(result.logits);
      return result;
    },
  };
  const threat = linf(EPSILON);
  await method.step(batchOf(), {
    ...{ trainer: watching, classifier, input: "input", threat, rate: 0, ramp: 0, memory: new Map() },
  });
  const worst = [...labels].flatMap((label, i) => {
    const row = seen[0]!.data.subarray(2 * CLASSES * i + CLASSES, 2 * CLASSES * (i + 1));
    return [...row].filter((_, k) => k !== label);
  });
  for (const [i, each] of worst.entries()) expect(each).toBeCloseTo(-data[i]!, 4);
  await trainer.dispose();
  await classifier.dispose();
});

/** Two classes that the first number parts by 0.4; the others say nothing. */
function bands(count: number) {
  const data = points(count, 6);
  const own = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (const [i, label] of own.entries()) data.data[6 * i] = 0.3 * data.data[6 * i]! + 0.7 * label;
  return { x: data, labels: own };
}
