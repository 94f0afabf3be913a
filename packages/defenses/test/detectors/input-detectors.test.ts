import { linf } from "@casemate/attacks";
import { encodeModel, parseModel } from "@casemate/onnx";
import { areaUnderCurve } from "@casemate/statistics";
import { fillUniform, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { trainedAutoencoder } from "../../src/detectors/autoencoder.ts";
import { embedded, runGraph } from "../../src/detectors/graph-run.ts";
import { divergence } from "../../src/detectors/magnet.ts";
import {
  binaryDetector,
  cnn,
  type Detector,
  fitDetector,
  loadDetector,
  magNet,
  saveDetector,
  stripDetector,
} from "../../src/index.ts";
import { layeredModel, points, rowsOf } from "./layered-model.ts";
import { linearModel } from "./linear-model.ts";

const bounds = { lower: 0, upper: 4 };
const { x, labels } = points(64, 1);

async function fitted(detector: Detector, model = layeredModel()) {
  const attack = { threat: linf(1), bounds };
  const options = { calibration: points(60, 2).x, falsePositiveRate: 0.25, attack };
  const found = await fitDetector(model, detector, x, labels, options);
  onTestFinished(() => found.dispose());
  return found;
}

test("strip is less the mean entropy of the answers to the sums, cut to the bounds", async () => {
  const { score, copies } = await fitted(stripDetector({ bounds, overlays: 100 }), linearModel());
  expect(copies).toBe(1 + 64); // more overlays than samples: all of them
  const asked = points(5, 3).x;
  const scores = await score(asked);
  for (const [i, row] of rowsOf(asked).entries()) {
    const entropies = rowsOf(x).map((overlay) => {
      const b = Math.min(4, row[1]! + overlay[1]!); // the margin of the first class is 2b
      const p = 1 / (1 + Math.exp(-2 * b));
      const q = Math.exp(-2 * b) * p;
      return -(p * Math.log2(p) + q * Math.log2(q));
    });
    const mean = entropies.reduce((sum, each) => sum + each, 0) / entropies.length;
    expect(Math.abs(scores[i]! / -mean - 1)).toBeLessThan(1e-4);
  }
});

test("an input that a backdoor answers for is the most suspicious to strip", async () => {
  // z = [a + b, a - b]: a large negative b says the second class whatever lies over it.
  const { score } = await fitted(stripDetector({ bounds: { lower: -50, upper: 50 } }), linearModel());
  const [plain, triggered] = await score(tensor([2, 2], Float32Array.of(1, -1.5, 1, -40)));
  expect(triggered!).toBeGreaterThan(plain!);
  expect(Math.abs(triggered!)).toBeLessThan(1e-6); // no entropy at all
});

test.each([
  { temperature: 1, expected: [0.05044782075555142, 0.6931471805569794, 0] },
  { temperature: 10, expected: [0.0008284946242903822, 0.47953962405925077, 0] },
])("the divergence at temperature $temperature is scipy's", async ({ temperature, expected }) => {
  // scipy 1.17.1: jensenshannon(softmax(a / T), softmax(b / T)) ** 2
  const both = tensor([3, 6], Float32Array.of(2, -1, 0.5, 1, 0, 0.5, 30, 0, 0, 0, 30, 0, 1, 1, 1, 1, 1, 1));
  const { data } = await runGraph(both, (graph, y) =>
    divergence(graph, graph.Slice(y, [0], [3], [1]), graph.Slice(y, [3], [6], [1]), temperature),
  );
  for (const [i, value] of data.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
});

/** Samples on a curve that one number describes: a bar of brightness along one of the rows of a small picture. */
function bars(count: number, seed: number) {
  const draws = fillUniform(new Float32Array(count), { seed, stream: 2, sample: 0, step: 0 }, 0, 4);
  const data = new Float32Array(count * 16);
  for (let i = 0; i < count; i++)
    data.fill(0.9, i * 16 + 4 * Math.floor(draws[i]!), i * 16 + 4 * Math.floor(draws[i]!) + 4);
  return { data, labels: Int32Array.from(draws, Math.floor) };
}

test.each([
  { name: "convolutions", shape: [1, 4, 4] },
  { name: "a hidden layer", shape: [16] },
])(
  "an autoencoder of $name reconstructs what it was trained on better than its mean, and nothing else",
  async ({ shape }) => {
    const samples = tensor([200, ...shape], bars(200, 1).data);
    const box = { lower: 0, upper: 1 };
    const model = await trainedAutoencoder(samples, box, { epochs: 60, seed: 0 });
    const fresh = bars(40, 2).data;
    const noise = fillUniform(new Float32Array(fresh.length), { seed: 5, stream: 3, sample: 0, step: 0 });
    const errorOf = async (data: Float32Array) => {
      const { data: rebuilt } = await runGraph(tensor([40, ...shape], data), (graph, input) =>
        embedded(graph, model, input),
      );
      expect(Math.min(...rebuilt)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...rebuilt)).toBeLessThanOrEqual(1);
      return rebuilt.reduce((sum, value, i) => sum + (value - data[i]!) ** 2, 0) / data.length;
    };
    const variance = 0.81 * 0.25 * 0.75; // of a pixel that is 0.9 in a quarter of the samples
    expect(await errorOf(fresh)).toBeLessThan(0.5 * variance);
    expect(await errorOf(noise)).toBeGreaterThan(2 * (await errorOf(fresh)));
  },
);

const pictures = { x: tensor([200, 1, 4, 4], bars(200, 1).data), labels: bars(200, 1).labels };
const others = tensor([60, 1, 4, 4], bars(60, 2).data);

test("magnet flags what its autoencoder cannot reconstruct, and gives the same scores after it was written and read", async () => {
  const model = cnn({ inputShape: [1, 4, 4], classes: 4, filters: [4] });
  const found = await fitDetector(model, magNet({ epochs: 20 }), pictures.x, pictures.labels, { calibration: others });
  onTestFinished(() => found.dispose());
  const noise = fillUniform(new Float32Array(60 * 16), { seed: 5, stream: 3, sample: 0, step: 0 });
  const bad = tensor([60, 1, 4, 4], noise);
  expect(areaUnderCurve(await found.score(others), await found.score(bad)).area).toBeGreaterThan(0.95);
  const loaded = await loadDetector(parseModel(encodeModel(saveDetector(found))));
  onTestFinished(() => loaded.dispose());
  expect(await loaded.score(bad)).toEqual(await found.score(bad));
  expect(loaded.copies).toBe(2);
});

test("the binary detector tells what the attack makes from what it was made of", async () => {
  // Two clusters far from the diagonal, where the classes meet and the attack goes.
  const count = 100;
  const data = fillUniform(new Float32Array(2 * count), { seed: 7, stream: 4, sample: 0, step: 0 }, -0.1, 0.1);
  for (let i = 0; i < 2 * count; i++) data[i]! += (i + Math.floor(i / 2)) % 2 === 0 ? 3 : 1;
  const samples = tensor([count, 2], data);
  const classes = Int32Array.from({ length: count }, (_, i) => Number(data[2 * i + 1]! > data[2 * i]!));
  const attack = { threat: linf(1.5), bounds };
  const detector = binaryDetector({ bounds, epochs: 30 });
  const found = await fitDetector(layeredModel(), detector, samples, classes, { calibration: samples, attack });
  onTestFinished(() => found.dispose());
  const moved = await found.score(tensor([2, 2], Float32Array.of(1.95, 2.05, 2.05, 1.95)));
  expect(Math.min(...moved)).toBeGreaterThan(Math.max(...(await found.score(samples))));
});

test.each([
  {
    name: "no overlay",
    build: () => stripDetector({ overlays: 0 }),
    message: "whole number of overlays from 1, got 0",
  },
  { name: "a temperature of 0", build: () => magNet({ temperatures: [0] }), message: "temperatures above 0, got 0" },
])("$name is refused", ({ build, message }) => {
  expect(build).toThrow(message);
});
