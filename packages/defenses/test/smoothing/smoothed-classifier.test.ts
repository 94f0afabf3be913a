import { type GradientClassifier, l2, pgd, run } from "@casemate/attacks";
import { normalCdf } from "@casemate/statistics";
import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { DefenseError, smoothedClassifier } from "../../src/index.ts";
import { halfSpaces, samplesAt } from "./linear.ts";

const sigma = 0.5;

test("scores are shares of votes, as frequent as the noise makes them", async () => {
  const distances = [-0.7, -0.1, 0.05, 0.3, 0.9];
  const copies = 4000;
  const { data } = await smoothedClassifier(halfSpaces(3), { sigma, copies }).logits(samplesAt(distances, 3));
  for (const [row, distance] of distances.entries()) {
    const p = normalCdf(distance / sigma);
    expect(Math.abs(data[2 * row + 1]! - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / copies));
    expect(data[2 * row]! + data[2 * row + 1]!).toBeCloseTo(1, 6);
  }
});

test("a sample's scores depend neither on the batch size nor on the samples beside it", async () => {
  const x = samplesAt([0.1, -0.3, 0.02], 5);
  const at = async (batchSize: number) =>
    (await smoothedClassifier(halfSpaces(5), { sigma, copies: 30, batchSize }).logits(x)).data;
  expect(await at(7)).toEqual(await at(1000));
  const alone = await smoothedClassifier(halfSpaces(5), { sigma, copies: 30 }).logits(samplesAt([-0.3], 5));
  expect([...alone.data]).toEqual([...(await at(7)).subarray(2, 4)]);
  const reseeded = await smoothedClassifier(halfSpaces(5), { sigma, copies: 30, seed: 1 }).logits(x);
  expect(reseeded.data).not.toEqual(await at(7));
});

/** Logits 0 and 3 x₀ + 4 x₁, whose cross-entropy has a gradient of (σ(z) − y)·(3, 4). */
const linear: GradientClassifier = {
  inputShape: [2],
  classes: 2,
  bounds: { lower: -10, upper: 10 },
  logits: async (x) => scores(x.data),
  async lossGradient(x, labels) {
    const logits = scores(x.data);
    const loss = new Float32Array(labels.length);
    const gradient = tensor(x.shape);
    for (const [row, label] of labels.entries()) {
      const p = 1 / (1 + Math.exp(-logits.data[2 * row + 1]!));
      loss[row] = -Math.log(label === 1 ? p : 1 - p);
      gradient.data.set([3 * (p - label), 4 * (p - label)], 2 * row);
    }
    return { logits, loss, gradient };
  },
};

function scores(x: Float32Array) {
  const rows = x.length / 2;
  return tensor(
    [rows, 2],
    Float32Array.from({ length: 2 * rows }, (_, i) => (i % 2 === 0 ? 0 : 3 * x[i - 1]! + 4 * x[i]!)),
  );
}

test("loss and gradient are means over the noise", async () => {
  const x = tensor([2, 2], Float32Array.of(0.1, 0.05, -0.2, 0.1));
  const labels = Int32Array.of(1, 0);
  const copies = 20_000;
  const found = await smoothedClassifier(linear, { sigma, copies }).lossGradient(x, labels, "cross-entropy");
  for (const [row, label] of labels.entries()) {
    const z = 3 * x.data[2 * row]! + 4 * x.data[2 * row + 1]!;
    const slope = overNoise((t) => 1 / (1 + Math.exp(-(z + 5 * sigma * t))) - label); // |(3, 4)| = 5
    const loss = overNoise((t) => Math.log1p(Math.exp(-(2 * label - 1) * (z + 5 * sigma * t))));
    expect(Math.abs(found.gradient.data[2 * row]! - 3 * slope)).toBeLessThan(0.04);
    expect(Math.abs(found.gradient.data[2 * row + 1]! - 4 * slope)).toBeLessThan(0.05);
    expect(Math.abs(found.loss[row]! - loss)).toBeLessThan(0.05);
  }
  const { data } = await smoothedClassifier(linear, { sigma, copies }).logits(x);
  expect([...found.logits.data]).toEqual([...data]);
});

/** The mean over a standard normal number, by the trapezoidal rule. */
function overNoise(f: (t: number) => number): number {
  let sum = 0;
  for (let t = -8; t <= 8; t += 0.01) sum += f(t) * Math.exp((-t * t) / 2);
  return (0.01 * sum) / Math.sqrt(2 * Math.PI);
}

test("an attack goes through it: it breaks what lies well within epsilon of the plane, and not what lies well beyond", async () => {
  const at = (distance: number) => [(3 / 5) * distance, (4 / 5) * distance];
  const x = tensor([2, 2], Float32Array.from([...at(0.2), ...at(1.2)]));
  const model = smoothedClassifier(linear, { sigma, copies: 200 });
  const { samples } = await run(model, x, [1, 1], l2(0.6), { attack: pgd({ steps: 10 }), seed: 0 });
  expect(samples.map(({ status }) => status)).toEqual(["broken", "robust"]);
});

test.each([
  ["a sigma of 0", { sigma: 0 }, "sigma above 0"],
  ["no copies", { sigma, copies: 0 }, "whole copies from 1"],
  ["half a batch", { sigma, batchSize: 0.5 }, "whole batchSize from 1"],
])("%s is refused", (_, options, words) => {
  expect(() => smoothedClassifier(halfSpaces(2), options)).toThrow(DefenseError);
  expect(() => smoothedClassifier(halfSpaces(2), options)).toThrow(words);
});
