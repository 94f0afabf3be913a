import { expect, test } from "vitest";
import { learningRateAt } from "../../src/training/schedule.ts";

const at = (schedule: Parameters<typeof learningRateAt>[1]["schedule"], progress: number, warmUp = 0) =>
  learningRateAt(progress, { schedule, learningRate: 2, warmUp });

test.each([
  ["constant", 0.7, 2],
  ["step", 0.49, 2],
  ["step", 0.5, 0.2],
  ["step", 0.75, 0.02],
  ["cosine", 0, 2],
  ["cosine", 0.5, 1],
  ["cosine", 2 / 3, 0.5], // (1 + cos 120°) / 2
  ["cosine", 1, 0],
  ["one-cycle", 0, 0.08],
  ["one-cycle", 0.3, 2],
  ["one-cycle", 0.65, 1],
  ["one-cycle", 1, 0],
] as const)("%s at %f of the training is %f", (schedule, progress, rate) => {
  expect(at(schedule, progress)).toBeCloseTo(rate, 12);
});

test("a warm-up rises from 0 in a straight line and then leaves the schedule alone", () => {
  expect(at("constant", 0.05, 0.2)).toBeCloseTo(0.5, 12);
  expect(at("constant", 0.2, 0.2)).toBe(2);
  expect(at("cosine", 0.5, 0.2)).toBeCloseTo(1, 12);
});
