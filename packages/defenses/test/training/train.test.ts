import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initializerTensor, type Model } from "@casemate/onnx";
import { clopperPearson } from "@casemate/statistics";
import { fillNormal, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import {
  type EpochReport,
  type LabelledSamples,
  mlp,
  pgdTraining,
  type TrainingEvent,
  type TrainingResult,
  type TrainOptions,
  train,
} from "../../src/index.ts";
import { blobs, smallModel, unit } from "./blobs.ts";

const data = blobs(200, 1);
const settings: TrainOptions = {
  classifier: unit,
  epochs: 4,
  batchSize: 20,
  learningRate: 0.05,
  validation: blobs(100, 2),
};

test("a model learns what a line can tell apart, and comes back with its own inputs and outputs", async () => {
  const model = smallModel();
  const { result, events } = await finished(train(model, data, { ...settings, epochs: 8 }));
  const best = result.history.find(({ epoch }) => epoch === result.bestEpoch)!;
  expect(best.correct).toBeGreaterThanOrEqual(98);
  expect(result.model.graph.inputs).toEqual(model.graph.inputs);
  expect(result.model.graph.outputs).toEqual(model.graph.outputs);
  expect(events.filter(({ type }) => type === "epoch-finished")).toHaveLength(8);
  expect(result.endedBy).toBe("epochs");
});

test("weights that stand in Constant nodes train to the bits that initializers train to", async () => {
  const model = smallModel();
  const nodes = [...model.graph.initializers.values()].map((value) => ({
    ...{ name: "", op: "Constant", domain: "", inputs: [], outputs: [value.name] },
    attributes: { value: { type: "tensor" as const, value } },
  }));
  const graph = { ...model.graph, nodes: [...nodes, ...model.graph.nodes], initializers: new Map() };
  const [usual, written] = [
    await finished(train(model, data, settings)),
    await finished(train({ ...model, graph }, data, settings)),
  ];
  expect(numbersOf(written.result.model)).toEqual(numbersOf(usual.result.model));
  expect(numbersOf(usual.result.model)).not.toEqual(numbersOf(model));
});

test("a weight that two layers share stays one, and moves", async () => {
  const start = mlp({ inputShape: [2], classes: 2, hidden: [2, 2] });
  const { nodes, initializers } = start.graph;
  const [, second, third] = [...initializers.keys()].filter((name) => name.endsWith(".weight"));
  const tied = nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === third ? second! : name)) }));
  const left = new Map([...initializers].filter(([name]) => name !== third));
  const model = { ...start, graph: { ...start.graph, nodes: tied, initializers: left } };
  const { result } = await finished(train(model, data, settings));
  expect([...result.model.graph.initializers.keys()]).toEqual([...left.keys()]);
  expect(result.model.graph.nodes.filter(({ inputs }) => inputs.includes(second!))).toHaveLength(2);
  const weight = ({ graph }: Model) => initializerTensor(graph.initializers.get(second!)!).data;
  expect(weight(result.model)).not.toEqual(weight(model));
});

test("the same seed gives the same weights, another seed others", async () => {
  const weightsOf = async (seed: number) =>
    numbersOf((await finished(train(smallModel(), data, { ...settings, seed }))).result.model);
  const [first, second, other] = [await weightsOf(1), await weightsOf(1), await weightsOf(2)];
  expect(second).toEqual(first);
  expect(other).not.toEqual(first);
});

test.each([
  ["plain", {}],
  [
    "with an average, mixup, label smoothing and clipping",
    { averaging: 0.9, mixing: { type: "mixup", alpha: 0.4 }, labelSmoothing: 0.1, clip: 1 },
  ],
  ["adversarial", { method: pgdTraining({ steps: 2 }), ball: { norm: "linf", epsilon: 0.1 }, ramp: 0.5 }],
] as const)("a training that is ended at any step and resumed ends with the same bits: %s", async (_, extra) => {
  const whole = await finished(train(smallModel(), data, { ...settings, ...extra }));
  for (const steps of [1, 9, 10, 23]) {
    const path = temporary();
    const stop = new AbortController();
    const first = train(smallModel(), data, { ...settings, ...extra, signal: stop.signal, checkpoint: { path } });
    await finished(first, (event) => {
      if (event.type === "progress" && event.step === steps) stop.abort();
    });
    const resumed = await finished(
      train(smallModel(), data, { ...settings, ...extra, checkpoint: { path, resume: true } }),
    );
    expect(resumed.events[0]).toMatchObject({ type: "started" });
    expect(numbersOf(resumed.result.model)).toEqual(numbersOf(whole.result.model));
    const timeless = ({ history }: TrainingResult) => history.map(({ seconds: _seconds, ...report }) => report);
    expect(timeless(resumed.result)).toEqual(timeless(whole.result));
  }
});

test("a checkpoint that is cut short, or belongs to other settings, is refused by name", async () => {
  const path = temporary();
  await finished(train(smallModel(), data, { ...settings, checkpoint: { path } }));
  const again = (options: Partial<TrainOptions> = {}) =>
    finished(train(smallModel(), data, { ...settings, ...options, checkpoint: { path, resume: true } }));
  await expect(again({ epochs: 5 })).rejects.toMatchObject({ code: "BAD_CHECKPOINT" });
  const bytes = readFileSync(path);
  for (const length of [0, 10, bytes.length / 2, bytes.length - 1]) {
    writeFileSync(path, bytes.subarray(0, length));
    await expect(again()).rejects.toThrow(`${path}: expected a checkpoint of a training, got`);
  }
});

test("a flipped bit of a checkpoint is refused, or lies where it changes nothing", async () => {
  const path = temporary();
  const whole = await finished(train(smallModel(), data, { ...settings, checkpoint: { path } }));
  const bytes = readFileSync(path);
  let refused = 0;
  for (let place = 0; place < 40; place++) {
    const flipped = Uint8Array.from(bytes);
    flipped[Math.floor((bytes.length * place) / 40)]! ^= 1;
    writeFileSync(path, flipped);
    const again = finished(train(smallModel(), data, { ...settings, checkpoint: { path, resume: true } }));
    const outcome = await again.then(
      ({ result }) => numbersOf(result.model),
      (error) => error.code,
    );
    if (outcome === "BAD_CHECKPOINT") refused++;
    else expect(outcome).toEqual(numbersOf(whole.result.model));
  }
  expect(refused).toBeGreaterThan(10);
});

test("adversarial training keeps the points of a ball that plain training gives away", async () => {
  const ball = { norm: "linf", epsilon: 0.1 } as const;
  const options = { ...settings, epochs: 20, ball, validation: brittle(200, 2) };
  const model = mlp({ inputShape: [11], classes: 2, hidden: [8] });
  const plain = await finished(train(model, brittle(200, 1), options));
  const robust = await finished(train(model, brittle(200, 1), { ...options, method: pgdTraining() }));
  const last = ({ result: { history } }: { result: TrainingResult }) => history.at(-1)!;
  const interval = (report: EpochReport) => clopperPearson(report.robust!, report.of, 0.99);
  expect(interval(last(robust)).lower).toBeGreaterThan(interval(last(plain)).upper);
});

/**
 * A feature that tells nine in ten apart by a wide margin, and ten that together tell all apart, each by less than the ball
 * (Tsipras et al., 2019, https://arxiv.org/abs/1805.12152).
 */
function brittle(count: number, seed: number): LabelledSamples {
  const x = tensor([count, 11], fillNormal(new Float32Array(11 * count), { seed, stream: 2, sample: 0, step: 0 }));
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < x.data.length; i++) {
    const side = 2 * labels[Math.floor(i / 11)]! - 1;
    const number = i % 11 === 0 ? 0.5 + 0.2 * side + 0.15 * x.data[i]! : 0.5 + 0.04 * side + 0.02 * x.data[i]!;
    x.data[i] = Math.min(1, Math.max(0, number));
  }
  return { x, labels };
}

test("a training ends early without a better epoch, and at its time limit", async () => {
  const patient = await finished(
    train(smallModel(), data, { ...settings, epochs: 50, learningRate: 1e-9, patience: 2 }),
  );
  expect(patient.result).toMatchObject({ endedBy: "patience", bestEpoch: 1 });
  expect(patient.result.history).toHaveLength(3);
  const short = await finished(train(smallModel(), data, { ...settings, epochs: 1000, timeLimit: 1e-6 }));
  expect(short.result.endedBy).toBe("time");
});

test("without validation samples a tenth of the data is held out", async () => {
  const { validation: _, ...rest } = settings;
  const { events } = await finished(train(smallModel(), data, rest));
  expect(events[0]).toMatchObject({ type: "started", samples: 180, validationSamples: 20, isHeldOut: true });
});

test("frozen weights stay as they are", async () => {
  const model = smallModel();
  const names = [...model.graph.initializers.keys()];
  const byName = await finished(train(model, data, { ...settings, freeze: { names: [`${names[0]!.slice(0, -3)}*`] } }));
  const byDepth = await finished(train(model, data, { ...settings, freeze: { layers: 1 } }));
  for (const { result } of [byName, byDepth]) {
    const [before, after] = [numbersOf(model), numbersOf(result.model)];
    expect(after.get(names[0]!)).toEqual(before.get(names[0]!));
    expect(after.get(names.at(-1)!)).not.toEqual(before.get(names.at(-1)!));
  }
});

test.each<[string, Partial<TrainOptions>, string]>([
  ["epochs", { epochs: 0 }, "epochs: expected a whole number from 1, got 0"],
  ["a rate", { learningRate: -1 }, "learningRate: expected a number above 0, got -1"],
  [
    "a schedule",
    { schedule: "weekly" as "step" },
    "schedule: expected one of constant, step, cosine, one-cycle, got 'weekly'",
  ],
  ["a pattern", { freeze: { names: ["conv9.*"] } }, "freeze: expected a pattern of some weight's name, got 'conv9.*'"],
  ["all frozen", { freeze: { layers: 9 } }, "freeze: expected to leave a weight to train"],
  ["cutmix of a table", { mixing: { type: "cutmix", alpha: 1 } }, "cutmix: expected images"],
  ["a moved table", { augmentation: { shift: 1 } }, "augmentation: expected images"],
])("%s that makes no sense is refused", async (_, options, message) => {
  await expect(finished(train(smallModel(), data, { ...settings, ...options }))).rejects.toThrow(message);
});

test("labels that the model has no class for are refused", async () => {
  const foreign = { x: data.x, labels: data.labels.map((label) => label + 1) };
  await expect(finished(train(smallModel(), foreign, settings))).rejects.toThrow(
    "data: expected labels from 0 to 1, got 2",
  );
});

async function finished(
  events: AsyncGenerator<TrainingEvent, TrainingResult>,
  see: (event: TrainingEvent) => void = () => {},
): Promise<{ events: TrainingEvent[]; result: TrainingResult }> {
  const seen: TrainingEvent[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { events: seen, result: value };
    seen.push(value);
    see(value);
  }
}

function numbersOf({ graph }: Model): ReadonlyMap<string, unknown> {
  return new Map(
    [...graph.initializers].map(([name, each]) => [name, [...(initializerTensor(each).data as Float32Array)]]),
  );
}

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "casemate-train-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "checkpoint.npz");
}
