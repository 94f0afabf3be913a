import { createHash } from "node:crypto";
import { join } from "node:path";
import { completed, linf, openClassifier, pgd, run } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { encodeModel, type Model, parseModel, readModel } from "@casemate/onnx";
import { areaUnderCurve } from "@casemate/statistics";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { beforeAll, expect, test } from "vitest";
import { conformalThreshold } from "../../src/detectors/fit-detector.ts";
import {
  bitDepth,
  energyDetector,
  evadeDetector,
  featureSqueezing,
  fitDetector,
  flaggedShare,
  loadDetector,
  localIntrinsicDimensionality,
  mahalanobisDetector,
  nearestNeighboursDetector,
  type Purification,
  rejectingModel,
  saveDetector,
} from "../../src/index.ts";
import { linearModel } from "./linear-model.ts";

// Scores of a model whose features are its inputs: z = [a + b, a − b].
const points = [0, 0, 1, 0.5, 2, 1, 0, 2, 3, 1, 3, 3, 4, 2, 5, 4];
const clean = tensor([8, 2], Float32Array.from(points));
const labels = Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
const asked = tensor([2, 2], Float32Array.of(0.3, 0.7, 6, -1));
const rows = (x: Tensor) =>
  Array.from({ length: x.shape[0]! }, (_, i) => [x.data[2 * i]!, x.data[2 * i + 1]!] as const);
const squares = (point: readonly [number, number]) =>
  rows(clean)
    .map(([a, b]) => (a - point[0]) ** 2 + (b - point[1]) ** 2)
    .sort((a, b) => a - b);

/** By Cramer's rule for the two features. */
function mahalanobis([a, b]: readonly [number, number]): number {
  const groups = [rows(clean).slice(0, 4), rows(clean).slice(4)];
  const means = groups.map((group) => [0, 1].map((j) => group.reduce((sum, row) => sum + row[j]!, 0) / 4));
  const sum = (j: number, l: number) =>
    groups.flatMap((group, k) => group.map((row) => (row[j]! - means[k]![j]!) * (row[l]! - means[k]![l]!)));
  const [aa, ab, bb] = [sum(0, 0), sum(0, 1), sum(1, 1)].map((each) => each.reduce((x, y) => x + y, 0) / 8) as [
    number,
    number,
    number,
  ];
  const ridge = (0.001 * (aa + bb)) / 2;
  const [p, q, r] = [0.999 * aa + ridge, 0.999 * ab, 0.999 * bb + ridge];
  const distances = means.map(([m, n]) => {
    const [u, v] = [a - m!, b - n!];
    return (r * u * u - 2 * q * u * v + p * v * v) / (p * r - q * q);
  });
  return Math.min(...distances);
}

test.each([
  {
    detector: energyDetector({ temperature: 2 }),
    expected: ([a, b]: readonly [number, number]) => -2 * Math.log(Math.exp((a + b) / 2) + Math.exp((a - b) / 2)),
  },
  { detector: mahalanobisDetector(), expected: mahalanobis },
  {
    detector: nearestNeighboursDetector({ neighbours: 3 }),
    expected: (point: readonly [number, number]) =>
      squares(point)
        .slice(0, 3)
        .reduce((a, b) => a + b, 0) / 3,
  },
  {
    detector: localIntrinsicDimensionality({ neighbours: 4 }),
    expected: (point: readonly [number, number]) => {
      const nearest = squares(point).slice(0, 4).map(Math.sqrt);
      return -4 / nearest.reduce((sum, distance) => sum + Math.log(distance / nearest[3]!), 0);
    },
  },
  {
    // One bit moves each value to the nearer end of the box; the margin of the first class is 2b.
    detector: featureSqueezing({ bounds: { lower: -2, upper: 6 }, squeezers: [bitDepth({ bits: 1 })] }),
    expected: ([, b]: readonly [number, number]) => {
      const probability = (value: number) => 1 / (1 + Math.exp(-2 * value));
      return 2 * Math.abs(probability(b) - probability(b > 2 ? 6 : -2));
    },
  },
])("$detector.name scores as its formula does", async ({ detector, expected }) => {
  const options = { calibration: clean, falsePositiveRate: 0.25 };
  const fitted = await fitDetector(linearModel(), detector, clean, labels, options);
  const scores = await fitted.score(asked);
  await fitted.dispose();
  for (const [i, point] of rows(asked).entries()) {
    expect(Math.abs(scores[i]! / expected(point) - 1)).toBeLessThan(1e-4);
  }
});

test.each([
  energyDetector(),
  nearestNeighboursDetector({ neighbours: 3 }),
  featureSqueezing({ bounds: { lower: -2, upper: 6 }, squeezers: [bitDepth({ bits: 1 })] }),
])("$name gives the same scores and threshold after it was written and read", async (detector) => {
  const fitted = await fitDetector(linearModel(), detector, clean, labels, {
    calibration: clean,
    falsePositiveRate: 0.25,
  });
  const loaded = await loadDetector(parseModel(encodeModel(saveDetector(fitted))));
  try {
    expect(await loaded.score(asked)).toEqual(await fitted.score(asked));
    const { name, threshold, scale, falsePositiveRate, modelDigest } = fitted;
    expect(loaded).toMatchObject({ name, threshold, scale, falsePositiveRate, modelDigest });
    const digest = createHash("sha256").update(encodeModel(linearModel())).digest("hex");
    expect(modelDigest).toBe(digest);
  } finally {
    await fitted.dispose();
    await loaded.dispose();
  }
});

test("a model that is no detector, or has lost its threshold, is refused", async () => {
  await expect(loadDetector(linearModel())).rejects.toThrow("got no kind and 1 outputs");
  const fitted = await fitDetector(linearModel(), energyDetector(), clean, labels, {
    calibration: clean,
    falsePositiveRate: 0.25,
  });
  const saved = saveDetector(fitted);
  await fitted.dispose();
  const metadata = new Map(saved.metadata).set("casemate.detector.threshold", "high");
  await expect(loadDetector({ ...saved, metadata })).rejects.toThrow("expected a number, got 'high'");
});

test("the threshold is the conformal order statistic", () => {
  const sorted = Float32Array.from({ length: 19 }, (_, i) => i);
  expect(conformalThreshold(sorted, 0.05)).toBe(18); // the 19th of 19
  expect(conformalThreshold(sorted, 0.5)).toBe(9);
  expect(() => conformalThreshold(sorted.subarray(1), 0.05)).toThrow("at least 1 / rate - 1 calibration samples");
});

test.each([
  { name: "no temperature", build: () => energyDetector({ temperature: 0 }), message: "temperature above 0" },
  { name: "no squeezer", build: () => featureSqueezing({ squeezers: [] }), message: "at least one squeezer" },
  { name: "no shrinkage", build: () => mahalanobisDetector({ shrinkage: 0 }), message: "shrinkage in (0, 1]" },
])("$name is refused", ({ build, message }) => {
  expect(build).toThrow(message);
});

test("more neighbours than samples and other labels are refused", async () => {
  const options = { calibration: clean, falsePositiveRate: 0.25 };
  const many = nearestNeighboursDetector({ neighbours: 9 });
  await expect(fitDetector(linearModel(), many, clean, labels, options)).rejects.toThrow(
    "from 2 to the 8 clean samples",
  );
  const other = Int32Array.from({ length: 8 }, () => 2);
  await expect(fitDetector(linearModel(), many, clean, other, options)).rejects.toThrow("got 2 at sample 0");
});

test("the adaptive attack sees through rounding: without that, random starts find less than half of these", async () => {
  // The view adds Round(a) to b, which alone says how far a is from where the detector is silent.
  const rounding: Purification = {
    name: "rounding",
    needsImage: false,
    scale: "values",
    nodes(graph, x) {
      const a = graph.Slice(x, [0], [1], [3]);
      const b = graph.Slice(x, [1], [2], [3]);
      return graph.Concat([a, graph.Add(b, graph.op("Round", [a]))], 3);
    },
  };
  const bounds = { lower: -9, upper: 9 };
  const calibration = tensor([8, 2], Float32Array.of(0, 1, 0, 2, 0, 1, 0, 2, 0, 3, 1, 0.1, 1, 0.1, 1, 0.1));
  const detector = featureSqueezing({ bounds, squeezers: [rounding] });
  const fitted = await fitDetector(linearModel(), detector, clean, labels, { calibration, falsePositiveRate: 0.25 });
  const count = 40;
  const start = tensor(
    [count, 2],
    Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 8 : 0.2)),
  );
  const truth = new Int32Array(count);
  try {
    const options = { bounds, targets: 1, restarts: 1, steps: 60 };
    const found = await completed(evadeDetector(fitted, start, truth, linf(8), options));
    expect(found.attacked).toBe(count);
    expect(found.rows).toHaveLength(found.evaded);
    expect(found.evaded).toBeGreaterThan(0.9 * count);
    for (const [a, b] of rows(found.examples)) {
      expect(b).toBeLessThan(0); // the margin of the first class is 2b
      expect(Math.abs(a - 8)).toBeLessThanOrEqual(8 + 1e-5);
    }
    expect(Math.max(...(await fitted.score(found.examples)))).toBeLessThanOrEqual(fitted.threshold);
    const refused = completed(evadeDetector(fitted, start, truth, linf(8), { bounds, restarts: -1 }));
    await expect(refused).rejects.toThrow("whole number of restarts from 0, got -1");
  } finally {
    await fitted.dispose();
  }
});

const digits = join(import.meta.dirname, "../../../../examples/digits");
let model: Model;
let x: Tensor;
let classes: Int32Array;

beforeAll(async () => {
  model = await readModel(join(digits, "mnist-standard.onnx"));
  const found = await readDataset(join(digits, "digits-test-500.npz"));
  x = tensor(
    found.x.shape,
    found.x.data.map((value) => (found.range.upper > 1 ? value / 255 : value)),
  );
  classes = found.labels;
});

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("the adaptive attack passes digits by a detector that knows the plain attack, and what it finds is what it says", async () => {
  const fitted = await fitDetector(model, mahalanobisDetector(), takeRows(x, range(0, 300)), classes.slice(0, 300), {
    calibration: takeRows(x, range(300, 460)),
  });
  const test = takeRows(x, range(460, 484));
  const truth = classes.slice(460, 484);
  const bounds = { lower: 0, upper: 1 };
  const plain = await openClassifier(model, { bounds });
  const joint = await openClassifier(rejectingModel(fitted), { bounds });
  try {
    const attack = pgd({ steps: 20 });
    const { samples } = await run(plain, test, truth, linf(0.2), { attack });
    const broken = samples.flatMap(({ adversarial }) => (adversarial ? [...adversarial] : []));
    const bad = await fitted.score(tensor([broken.length / 784, 1, 28, 28], Float32Array.from(broken)));
    const good = await fitted.score(test);
    expect(areaUnderCurve(good, bad).area).toBeGreaterThan(0.5);
    expect(flaggedShare(good, fitted.threshold).interval.lower).toBeLessThanOrEqual(0.05);

    const { evaded, attacked, examples } = await completed(
      evadeDetector(fitted, test, truth, linf(0.3), { bounds, steps: 20 }),
    );
    expect(evaded).toBeGreaterThan(0);
    expect(evaded).toBeLessThanOrEqual(attacked);
    const scores = await fitted.score(examples);
    expect(Math.max(...scores)).toBeLessThanOrEqual(fitted.threshold);

    const both = await joint.logits(test);
    for (const [row, score] of good.entries()) {
      const logits = both.data.subarray(row * 11, (row + 1) * 11);
      expect(logits[10]! > Math.max(...logits.subarray(0, 10))).toBe(score > fitted.threshold);
    }
  } finally {
    await plain.dispose();
    await joint.dispose();
    await fitted.dispose();
  }
});
