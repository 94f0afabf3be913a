import { type Classifier, completed, openClassifier } from "@casemate/attacks";
import { encodeModel } from "@casemate/onnx";
import { fillUniform, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import {
  certifyPartitions,
  type LabelledSamples,
  partition,
  type TrainPartitionsEvent,
  type TrainPartitionsOptions,
  trainPartitions,
} from "../../src/index.ts";
import { blobs, smallModel, unit } from "../training/blobs.ts";

const options: TrainPartitionsOptions = {
  classifier: unit,
  parts: 5,
  epochs: 8,
  batchSize: 4,
  learningRate: 0.3,
  seed: 3,
};
const trained = (data: LabelledSamples, more: Partial<TrainPartitionsOptions> = {}) =>
  completed(trainPartitions(smallModel(), data, { ...options, ...more }));

async function certificatesOf(data: LabelledSamples, x = blobs(8, 9).x) {
  const { models } = await trained(data);
  const members = await Promise.all(models.map((model) => openClassifier(model, unit)));
  onTestFinished(async () => void (await Promise.all(members.map((member) => member.dispose()))));
  return {
    bytes: models.map((model) => Buffer.from(encodeModel(model)).toString("hex")),
    all: await certifyPartitions(members, x),
  };
}

test("there is a model for each part, told in order, and the same data give the same models", async () => {
  const data = blobs(40, 1);
  const events: TrainPartitionsEvent[] = [];
  const { models, sizes } = await completed(trainPartitions(smallModel(), data, options), (event) =>
    events.push(event),
  );
  expect(sizes).toEqual(partition(data, 5, 3).map(({ labels }) => labels.length));
  expect(events.flatMap((event) => (event.type === "part-started" ? [[event.part, event.samples]] : []))).toEqual([
    ...sizes.entries(),
  ]);
  const again = await trained(data);
  expect(models.map((model) => encodeModel(model))).toEqual(again.models.map((model) => encodeModel(model)));
  expect(new Set(models.map((model) => Buffer.from(encodeModel(model)).toString("hex"))).size).toBe(5);
});

test("a sample that is put in, taken out or given another label reaches one model only, and flips nothing certified", async () => {
  const data = blobs(40, 1);
  const clean = await certificatesOf(data);
  expect(clean.all.some(({ tolerated }) => tolerated >= 2)).toBe(true);
  const poisoned = [without(data, 7), relabelled(data, 12), inserted(data, [0.31, 0.29], 1)];
  for (const after of await each(poisoned)) {
    expect(after.bytes.filter((bytes, part) => bytes !== clean.bytes[part])).toHaveLength(1);
    for (const [row, { class: before, tolerated }] of clean.all.entries()) {
      if (tolerated >= 1) expect(after.all[row]!.class).toBe(before);
    }
  }
  async function each(sets: readonly LabelledSamples[]) {
    const found = [];
    for (const set of sets) found.push(await certificatesOf(set));
    return found;
  }
});

test("a part without samples keeps the weights that it would start from", async () => {
  const { models, sizes } = await trained(blobs(3, 1), { parts: 8 });
  const start = encodeModel(smallModel());
  expect(sizes.filter((size) => size === 0).length).toBeGreaterThanOrEqual(5);
  for (const [part, size] of sizes.entries()) {
    if (size === 0) expect(encodeModel(models[part]!)).toEqual(start);
    else expect(encodeModel(models[part]!)).not.toEqual(start);
  }
});

test("a signal ends it without a result", async () => {
  const stop = new AbortController();
  const events = trainPartitions(smallModel(), blobs(40, 1), { ...options, signal: stop.signal });
  await events.next();
  stop.abort(new Error("enough"));
  await expect(completed(events)).rejects.toThrow("enough");
});

test.each([
  ["no parts", () => trained(blobs(10, 1), { parts: 0 }), "whole number of parts from 1, got 0"],
  ["no samples", () => trained({ x: tensor([0, 2]), labels: new Int32Array() }), "a label for each sample, got 0"],
  ["too few labels", () => trained({ x: tensor([3, 2]), labels: new Int32Array(2) }), "got 2 for [3,2]"],
])("%s are refused", async (_, run, words) => {
  await expect(run()).rejects.toThrow(words);
});

/** The nearer mean of its part's samples, in closed form, so that all poisonings can be tried. */
function nearestMean({ x, labels }: LabelledSamples): Classifier {
  const sums = [0, 1].map((k) => {
    const own = [...x.data].filter((_, i) => labels[i] === k);
    return own.length === 0 ? (k === 0 ? 0.1 : 0.9) : own.reduce((a, b) => a + b) / own.length;
  });
  return {
    inputShape: [1],
    classes: 2,
    bounds: unit.bounds,
    logits: async ({ shape, data }) =>
      tensor(
        [shape[0]!, 2],
        Float32Array.from({ length: 2 * shape[0]! }, (_, i) => -Math.abs(data[i >> 1]! - sums[i % 2]!)),
      ),
  };
}

test("of all ways to put in, take out or relabel as many samples as are certified, none flips a prediction", async () => {
  const seed = 5;
  const parts = 7;
  const count = 14;
  const values = fillUniform(new Float32Array(count), { seed, stream: 3, sample: 0, step: 0 });
  const data = { x: tensor([count, 1], values), labels: Int32Array.from(values, (value) => Number(value > 0.5)) };
  const x = tensor([5, 1], Float32Array.of(0.1, 0.42, 0.5, 0.58, 0.9));
  const vote = (set: LabelledSamples) => certifyPartitions(partition(set, parts, seed).map(nearestMean), x);
  const clean = await vote(data);
  const levels = new Set(clean.map(({ tolerated }) => tolerated));
  expect(levels.size).toBeGreaterThan(1);
  const changes = [
    ...Array.from({ length: count }, (_, row) => (set: LabelledSamples) => withoutValue(set, values[row]!)),
    ...Array.from({ length: 12 }, (_, i) => (set: LabelledSamples) => inserted(set, [(i >> 1) / 5], i % 2)),
    ...Array.from({ length: count }, (_, row) => (set: LabelledSamples) => relabelledValue(set, values[row]!)),
  ];
  let flips = 0;
  for (const [i, first] of changes.entries()) {
    const one = first(data);
    for (const second of [(set: LabelledSamples) => set, ...changes.slice(i + 1)]) {
      const poisoned = second(one);
      const used = poisoned === one ? 1 : 2;
      for (const [row, after] of (await vote(poisoned)).entries()) {
        const isFlipped = after.class !== clean[row]!.class;
        flips += Number(isFlipped);
        if (used <= clean[row]!.tolerated) expect(isFlipped).toBe(false);
      }
    }
  }
  expect(flips).toBeGreaterThan(0); // what is not certified can be flipped by these very changes
});

const keep = (data: LabelledSamples, isKept: (row: number) => boolean): LabelledSamples => {
  const rows = [...data.labels.keys()].filter(isKept);
  const width = data.x.data.length / data.labels.length;
  return {
    x: tensor(
      [rows.length, width],
      Float32Array.from(rows.flatMap((row) => [...data.x.data.subarray(row * width, (row + 1) * width)])),
    ),
    labels: Int32Array.from(rows, (row) => data.labels[row]!),
  };
};
const without = (data: LabelledSamples, row: number) => keep(data, (each) => each !== row);
const withoutValue = (data: LabelledSamples, value: number) => keep(data, (row) => data.x.data[row] !== value);
const inserted = ({ x, labels }: LabelledSamples, sample: readonly number[], label: number): LabelledSamples => ({
  x: tensor([labels.length + 1, sample.length], Float32Array.of(...x.data, ...sample)),
  labels: Int32Array.of(...labels, label),
});
const relabelled = ({ x, labels }: LabelledSamples, row: number): LabelledSamples => ({
  x,
  labels: labels.map((label, each) => (each === row ? 1 - label : label)),
});
const relabelledValue = ({ x, labels }: LabelledSamples, value: number): LabelledSamples => ({
  x,
  labels: labels.map((label, row) => (x.data[row] === value ? 1 - label : label)),
});
