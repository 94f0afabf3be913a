import { linf, openClassifier } from "@casemate/attacks";
import { tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { logisticRegression } from "../../src/detectors/logistic-regression.ts";
import {
  type Detector,
  deepNearestNeighbours,
  fitDetector,
  layeredIntrinsicDimensionality,
  layeredMahalanobis,
  rejectingModel,
  splitCalibration,
} from "../../src/index.ts";
import { shuffled } from "../../src/training/shuffle.ts";
import { streams } from "../../src/training/streams.ts";
import { layeredModel, layersOf, points, rowsOf } from "./layered-model.ts";

const bounds = { lower: 0, upper: 4 };
const training = points(120, 1);
const calibration = points(60, 2).x;
const asked = points(12, 3).x;
const attack = { threat: linf(1), bounds };

async function scoresOf(detector: Detector, x = asked): Promise<Float32Array> {
  const options = { calibration, falsePositiveRate: 0.25, attack };
  const fitted = await fitDetector(layeredModel(), detector, training.x, training.labels, options);
  onTestFinished(() => fitted.dispose());
  return await fitted.score(x);
}

test("the weights of the layers are those of scikit-learn", () => {
  const rows = [
    [0.5, 3],
    [1, 2],
    [1.5, 4],
    [2, 1],
    [2.5, 1],
    [3, 2],
    [3.5, 6],
    [4, 4],
  ];
  const { weights, bias } = logisticRegression(rows, [0, 0, 1, 0, 1, 0, 0, 1]);
  // scikit-learn 1.9.1: StandardScaler, then LogisticRegression(C=1, solver="newton-cholesky", tol=1e-12), in the units before.
  expect(weights[0]).toBeCloseTo(0.33865296, 7);
  expect(weights[1]).toBeCloseTo(-0.00742238, 7);
  expect(bias).toBeCloseTo(-1.2698975974832831, 7);
});

test("the weights of classes that are told apart for certain are finite", () => {
  const { weights, bias } = logisticRegression([[-2], [-1], [1], [2]], [0, 0, 1, 1]);
  expect(weights[0]).toBeGreaterThan(0);
  expect(Math.abs(bias)).toBeLessThan(1e-9);
});

const split = splitCalibration(training, { seed: 1 }); // half is attacked, of a fit with seed 0

/** By Cramer's rule for the two features of a layer. */
function mahalanobis(layer: number, point: readonly number[]): number {
  const rows = rowsOf(split.fit.x).map((row) => layersOf(row)[layer]!);
  const groups = [0, 1].map((label) => rows.filter((_, i) => split.fit.labels[i] === label));
  const means = groups.map((group) => [0, 1].map((j) => group.reduce((sum, row) => sum + row[j]!, 0) / group.length));
  const covariance = (j: number, l: number) =>
    groups
      .flatMap((group, k) => group.map((row) => (row[j]! - means[k]![j]!) * (row[l]! - means[k]![l]!)))
      .reduce((a, b) => a + b, 0) / rows.length;
  const ridge = (0.001 * (covariance(0, 0) + covariance(1, 1))) / 2;
  const [p, q, r] = [0.999 * covariance(0, 0) + ridge, 0.999 * covariance(0, 1), 0.999 * covariance(1, 1) + ridge];
  const distances = means.map(([m, n]) => {
    const [u, v] = [point[0]! - m!, point[1]! - n!];
    return (r * u * u - 2 * q * u * v + p * v * v) / (p * r - q * q);
  });
  return Math.min(...distances);
}

function dimensionality(layer: number, point: readonly number[]): number {
  const distances = rowsOf(split.fit.x)
    .map((row) => layersOf(row)[layer]!)
    .map(([a, b]) => Math.hypot(a! - point[0]!, b! - point[1]!))
    .sort((a, b) => a - b)
    .slice(0, 5);
  return -5 / distances.reduce((sum, each) => sum + Math.log(each / distances[4]!), 0);
}

test.each([
  { detector: layeredMahalanobis(), layer: mahalanobis },
  { detector: layeredIntrinsicDimensionality({ neighbours: 5 }), layer: dimensionality },
])("$detector.name weighs the scores that its formula gives each layer", async ({ detector, layer }) => {
  const scores = await scoresOf(detector);
  const parts = rowsOf(asked).map((row) => [...layersOf(row).map((values, i) => layer(i, values)), 1]);
  // Three samples give the two weights and the bias; the others must agree.
  const weights = solved(parts.slice(0, 3), [...scores.subarray(0, 3)]);
  const size = Math.max(...scores.map(Math.abs));
  for (const [i, part] of parts.entries()) {
    const expected = part.reduce((sum, value, j) => sum + value * weights[j]!, 0);
    expect(Math.abs(scores[i]! - expected)).toBeLessThan(2e-3 * size);
  }
});

/** Cramer's rule for three unknowns. */
function solved(rows: readonly (readonly number[])[], right: readonly number[]): number[] {
  const determinant = ([[a, b, c], [d, e, f], [g, h, i]]: readonly (readonly number[])[]) =>
    a! * (e! * i! - f! * h!) - b! * (d! * i! - f! * g!) + c! * (d! * h! - e! * g!);
  return [0, 1, 2].map((column) => {
    const replaced = rows.map((row, k) => row.map((value, j) => (j === column ? right[k]! : value)));
    return determinant(replaced) / determinant(rows);
  });
}

test("deep-nearest-neighbours is 1 less the conformal p-value of the class that most neighbours have", async () => {
  const neighbours = 5;
  const scores = await scoresOf(deepNearestNeighbours({ neighbours }));
  const order = shuffled(120, 0, streams.references, 0);
  const [held, searched] = [[...order.subarray(0, 30)], [...order.subarray(30)]];
  const all = rowsOf(training.x);
  const cosine = (u: readonly number[], v: readonly number[]) =>
    (u[0]! * v[0]! + u[1]! * v[1]!) / (Math.hypot(...u) * Math.hypot(...v));
  const strangers = (row: readonly number[], label: number) =>
    layersOf(row).reduce((sum, values, layer) => {
      const nearest = searched
        .map((other) => ({ other, likeness: cosine(values, layersOf(all[other]!)[layer]!) }))
        .sort((a, b) => b.likeness - a.likeness)
        .slice(0, neighbours);
      return sum + nearest.filter(({ other }) => training.labels[other] !== label).length;
    }, 0);
  const known = held.map((row) => strangers(all[row]!, training.labels[row]!));
  for (const [i, row] of rowsOf(asked).entries()) {
    const credibility = Math.max(
      ...[0, 1].map((label) => known.filter((each) => each >= strangers(row, label)).length / known.length),
    );
    expect(scores[i]).toBeCloseTo(1 - credibility, 5);
  }
});

test("the counts of deep-nearest-neighbours have a slope for an attack that passes rounding, and none otherwise", async () => {
  const options = { calibration, falsePositiveRate: 0.25 };
  const detector = deepNearestNeighbours({ neighbours: 15 });
  const fitted = await fitDetector(layeredModel(), detector, training.x, training.labels, options);
  onTestFinished(() => fitted.dispose());
  const x = tensor([1, 2], Float32Array.of(1.5, 1.45));
  const slopes = await Promise.all(
    [true, false].map(async (straightThrough) => {
      // So far below its threshold that the flag's logit, and with it the score, leads.
      const model = rejectingModel({ ...fitted, threshold: -5, scale: 0.1 });
      const joint = await openClassifier(model, { bounds, inputShape: [2], straightThrough });
      onTestFinished(() => joint.dispose());
      return (await joint.lossGradient(x, Int32Array.of(2), "margin")).gradient.data;
    }),
  );
  // max z alone has the slope [1, 0], which the margin to the runner-up takes away.
  expect([...slopes[1]!].map(Math.abs)).toEqual([0, 0]);
  expect(Math.max(...slopes[0]!.map(Math.abs))).toBeGreaterThan(0.1);
});

test.each([
  { name: "no attack", options: {}, message: "expected an attack, which layered-mahalanobis learns from, got none" },
  {
    name: "an attack that breaks nothing",
    options: { attack: { threat: linf(1e-7), bounds } },
    message: "breaks two samples or more",
  },
])("a detector that learns from attacked samples refuses $name", async ({ options, message }) => {
  const all = { calibration, falsePositiveRate: 0.25, ...options };
  const fit = fitDetector(layeredModel(), layeredMahalanobis(), training.x, training.labels, all);
  await expect(fit).rejects.toThrow(message);
});

test.each([
  { name: "three samples", build: () => deepNearestNeighbours(), count: 3, message: "4 clean samples or more, got 3" },
  {
    name: "more neighbours than samples",
    build: () => deepNearestNeighbours({ neighbours: 100 }),
    count: 120,
    message: "from 2 to the 90 clean samples",
  },
])("deep-nearest-neighbours refuses $name", async ({ build, count, message }) => {
  const few = { x: tensor([count, 2], training.x.data.slice(0, 2 * count)), labels: training.labels.slice(0, count) };
  const fit = fitDetector(layeredModel(), build(), few.x, few.labels, { calibration, falsePositiveRate: 0.25 });
  await expect(fit).rejects.toThrow(message);
});

test("a shrinkage of 0 is refused", () => {
  expect(() => layeredMahalanobis({ shrinkage: 0 })).toThrow(
    "layeredMahalanobis: expected a shrinkage in (0, 1], got 0",
  );
});
