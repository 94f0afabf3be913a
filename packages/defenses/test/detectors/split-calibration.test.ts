import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { splitCalibration } from "../../src/index.ts";

// Sample i is the number i of class i >= 60: a file sorted by class.
const count = 100;
const data = {
  x: tensor(
    [count, 1],
    Float32Array.from({ length: count }, (_, i) => i),
  ),
  labels: Int32Array.from({ length: count }, (_, i) => Number(i >= 60)),
};

test("each sample is in one part, with its label", () => {
  const { fit, calibration } = splitCalibration(data, { share: 0.3 });
  expect(calibration.x.shape).toEqual([30, 1]);
  expect([...fit.x.data, ...calibration.x.data].sort((a, b) => a - b)).toEqual([...data.x.data]);
  for (const { x, labels } of [fit, calibration]) {
    expect([...labels]).toEqual([...x.data].map((value) => Number(value >= 60)));
  }
});

test("the seed alone chooses, and the parts are alike though the file is sorted", () => {
  const of = (seed: number) => [...splitCalibration(data, { seed }).calibration.x.data];
  expect(of(3)).toEqual(of(3));
  expect(of(3)).not.toEqual(of(4));
  // 50 of 100 drawn, 40 of class 1: hypergeometric, mean 20 and variance 50 · 0.4 · 0.6 · 50 / 99 = 6.06 each.
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  const ones = seeds.map((seed) => splitCalibration(data, { seed }).calibration.labels.reduce((a, b) => a + b, 0));
  const mean = ones.reduce((a, b) => a + b, 0) / seeds.length;
  expect(Math.abs(mean - 20)).toBeLessThan(4 * Math.sqrt(6.06 / seeds.length));
});

test.each([0, 1, 0.001, Number.NaN])("a share of %s is refused", (share) => {
  expect(() => splitCalibration(data, { share })).toThrow("leaves samples in both parts");
});

test("other labels than samples are refused", () => {
  expect(() => splitCalibration({ ...data, labels: data.labels.slice(1) })).toThrow("got 99 for [100,1]");
});
