import { completed } from "@casemate/attacks";
import { binomialTest, normalQuantile } from "@casemate/statistics";
import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type CertifyEvent, certify, DefenseError, predict, radiusCurve } from "../../src/index.ts";
import { halfSpaces, samplesAt } from "./linear.ts";

const sigma = 0.5;

describe("over 1,000 certificates on a linear model, whose radius is known", () => {
  // From 0.2 to 0.7 sigma, where no certificate is capped by the number of draws.
  const distances = Array.from({ length: 1000 }, (_, i) => sigma * (0.2 + i / 2000) * (i % 2 === 0 ? 1 : -1));
  const model = halfSpaces(2);
  const x = samplesAt(distances, 2);
  const truth = [...model.distance(x)].map(Math.abs);
  const tooLarge = (radii: readonly number[]) => radii.filter((radius, i) => radius > truth[i]! + 1e-6).length;
  const isConsistent = (wrong: number, alpha: number) => binomialTest(wrong, 1000, alpha, "greater") > 0.001;

  test.each([0.2, 0.05, 0.001])("those that are too large are no more than alpha %d allows", async (alpha) => {
    const certificates = await completed(certify(model, x, { sigma, n0: 50, n: 1000, alpha, seed: 3 }));
    const wrong = tooLarge(certificates.map(({ radius }) => radius));
    const otherClass = certificates.filter(
      ({ prediction }, i) => prediction !== undefined && prediction !== Number(distances[i]! > 0),
    );
    expect(isConsistent(wrong + otherClass.length, alpha)).toBe(true);
    // and not far fewer, so that the bound is not merely loose: 1,000 draws leave the discrete bound a little below alpha
    if (alpha > 0.01) expect(binomialTest(wrong, 1000, alpha, "less")).toBeGreaterThan(1e-4);
  });

  test.each([0.05, 0.001])(
    "the plain frequency of votes instead of its bound fails that check at alpha %d",
    async (alpha) => {
      const predictions = await completed(predict(model, x, { sigma, n: 1000, seed: 3 }));
      const radii = predictions.map(({ votes }) => sigma * normalQuantile(Math.max(...votes) / 1000));
      expect(isConsistent(tooLarge(radii), alpha)).toBe(false);
    },
  );
});

// Cohen et al. and SciPy: sigma times the normal quantile of alpha^(1/n), when all draws agree.
test.each([
  [100, 1.5005],
  [1000, 2.4633],
  [10_000, 3.1986],
  [100_000, 3.8115],
])("with %d draws at alpha 0.001 the largest radius is %d sigma", async (n, expected) => {
  const [certificate] = await completed(certify(halfSpaces(1), samplesAt([50], 1), { sigma, n }));
  expect(certificate).toMatchObject({ sample: 0, prediction: 1 });
  expect(certificate!.radius / sigma).toBeCloseTo(expected, 4);
  expect(certificate!.radius).toBeCloseTo(sigma * normalQuantile(0.001 ** (1 / n)), 9);
});

describe("batches", () => {
  const distances = [0.4, -0.01, 0.02, -0.8, 0.1];
  const x = samplesAt(distances, 4);

  test("fill up across samples, and certificates do not depend on their size", async () => {
    const results = [];
    for (const batchSize of [7, 64, 1000]) {
      const model = halfSpaces(4);
      results.push(await completed(certify(model, x, { sigma, n0: 10, n: 333, batchSize, earlyAbstention: false })));
      const passes = [5 * 10, 5 * 333].flatMap((rows) => [
        ...Array(Math.floor(rows / batchSize)).fill(batchSize),
        rows % batchSize,
      ]);
      expect(model.batches).toEqual(passes.filter((size) => size > 0));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("a sample's certificate does not depend on the samples beside it", async () => {
    const all = await completed(certify(halfSpaces(4), x, { sigma, n: 300 }));
    const alone = await completed(certify(halfSpaces(4), samplesAt([-0.8], 4), { sigma, n: 300, indices: [3] }));
    expect(alone).toEqual([{ ...all[3], sample: 0 }]);
  });

  test("stopping early abstains for the same samples and gives the same certificates with fewer passes", async () => {
    const [patient, hasty] = [halfSpaces(4), halfSpaces(4)];
    const options = { sigma, n: 2000, batchSize: 50 };
    const expected = await completed(certify(patient, x, { ...options, earlyAbstention: false }));
    expect(await completed(certify(hasty, x, options))).toEqual(expected);
    expect(expected.filter(({ prediction }) => prediction === undefined)).toHaveLength(2);
    const rows = (batches: readonly number[]) => batches.reduce((sum, each) => sum + each, 0);
    expect(rows(hasty.batches)).toBeLessThan(rows(patient.batches));
  });
});

test("progress rises to its total and each certificate is told once, in order", async () => {
  const events: CertifyEvent[] = [];
  await completed(certify(halfSpaces(2), samplesAt([0.5, 0, -0.5], 2), { sigma, n: 1500, batchSize: 100 }), (event) =>
    events.push(event),
  );
  const done = events.flatMap((event) => (event.type === "progress" ? [event.done] : []));
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(events.findLast(({ type }) => type === "progress")).toMatchObject({ done: done.at(-1), total: done.at(-1) });
  expect(events.flatMap((event) => (event.type === "certified" ? [event.certificate.sample] : []))).toEqual([0, 1, 2]);
});

test("a model whose scores are not numbers gets no votes, and so no certificate", async () => {
  const broken = {
    ...halfSpaces(2),
    logits: async ({ shape }: { shape: readonly number[] }) =>
      tensor([shape[0]!, 2], new Float32Array(2 * shape[0]!).fill(Number.NaN)),
  };
  expect(await completed(certify(broken, samplesAt([1], 2), { sigma, n: 200 }))).toEqual([{ sample: 0, radius: 0 }]);
});

test("too few draws for any bound above one half abstain", async () => {
  expect(await completed(certify(halfSpaces(2), samplesAt([9], 2), { sigma, n: 5 }))).toEqual([
    { sample: 0, radius: 0 },
  ]);
});

test("the curve counts samples whose certificate names their class and reaches so far", () => {
  const certificates = [
    { sample: 0, prediction: 1, radius: 0.5 },
    { sample: 1, prediction: 0, radius: 0.9 },
    { sample: 2, radius: 0 },
    { sample: 3, prediction: 1, radius: 0.1 },
  ];
  expect(radiusCurve(certificates, [1, 1, 1, 1], [0, 0.1, 0.5, 0.6])).toEqual([
    { radius: 0, count: 2, accuracy: 0.5 },
    { radius: 0.1, count: 2, accuracy: 0.5 },
    { radius: 0.5, count: 1, accuracy: 0.25 },
    { radius: 0.6, count: 0, accuracy: 0 },
  ]);
  expect(radiusCurve(certificates, [1, 1, 1, 1]).at(-1)).toMatchObject({ count: 0 });
});

test.each([
  ["a sigma of 0", { sigma: 0 }, "sigma above 0"],
  ["half a draw", { sigma, n: 1.5 }, "whole n from 1"],
  ["an alpha of 1", { sigma, alpha: 1 }, "alpha between 0 and 1"],
  ["an empty batch", { sigma, batchSize: 0 }, "whole batchSize from 1"],
  ["indices of other samples", { sigma, indices: [1, 2] }, "expected 1 indices, got 2"],
])("%s is refused", async (_, options, words) => {
  const refused = completed(certify(halfSpaces(2), samplesAt([1], 2), options));
  await expect(refused).rejects.toThrow(DefenseError);
  await expect(refused).rejects.toThrow(words);
});

test("samples of another shape are refused", async () => {
  await expect(completed(certify(halfSpaces(3), samplesAt([1], 2), { sigma }))).rejects.toThrow(
    "samples of shape [3], got [2]",
  );
});
