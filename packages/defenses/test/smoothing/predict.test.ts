import { completed } from "@casemate/attacks";
import { binomialTest } from "@casemate/statistics";
import { expect, test } from "vitest";
import { predict } from "../../src/index.ts";
import { halfSpaces, samplesAt, topProbability } from "./linear.ts";

const sigma = 0.5;

test("votes are as frequent as the noise makes them, and the p-value is that of the exact test", async () => {
  const distances = [0.05, 0.2, -0.4];
  const n = 4000;
  const predictions = await completed(predict(halfSpaces(3), samplesAt(distances, 3), { sigma, n }));
  for (const [i, { votes, pValue, prediction }] of predictions.entries()) {
    const top = Math.max(...votes);
    const p = topProbability(distances[i]!, sigma);
    expect(Math.abs(top - n * p)).toBeLessThan(3.5 * Math.sqrt(n * p * (1 - p)));
    expect(pValue).toBe(binomialTest(top, n));
    expect(prediction).toBe(Number(distances[i]! > 0));
  }
});

test("it abstains on the boundary but for alpha of the samples", async () => {
  const alpha = 0.05;
  const x = samplesAt(new Array<number>(1000).fill(0), 1);
  const predictions = await completed(predict(halfSpaces(1), x, { sigma, n: 200, alpha }));
  const decided = predictions.filter(({ prediction }) => prediction !== undefined).length;
  expect(binomialTest(decided, 1000, alpha, "greater")).toBeGreaterThan(0.001);
  expect(decided).toBeGreaterThan(0);
});

test("predictions do not depend on the batch size", async () => {
  const x = samplesAt([0.1, -0.3, 0.02], 5);
  const at = (batchSize: number) => completed(predict(halfSpaces(5), x, { sigma, n: 150, batchSize }));
  expect(await at(7)).toEqual(await at(1000));
});

test("too few draws to tell abstain even if all agree", async () => {
  const [prediction] = await completed(predict(halfSpaces(1), samplesAt([9], 1), { sigma, n: 5 }));
  expect(prediction!.pValue).toBeCloseTo(2 * 0.5 ** 5, 12);
  expect(prediction).not.toHaveProperty("prediction");
});
