import { beforeAll, describe, expect, test } from "vitest";
import { type Draw, fillNormal, fillNormalByZiggurat } from "../src/index.ts";

const draw: Draw = { seed: 2 ** 40 + 7, stream: 3, sample: 5, step: 11 };
const count = 1_000_000;
let x: Float32Array;
let sorted: Float32Array;

beforeAll(() => {
  x = fillNormalByZiggurat(new Float32Array(count), draw);
  sorted = x.slice().sort();
});

describe("a million numbers of the ziggurat", () => {
  test("are normally distributed by the test of Kolmogorov and Smirnov", () => {
    expect(kolmogorov(sorted) * Math.sqrt(count)).toBeLessThan(1.95); // passed by all but one sample in a thousand
  });

  test("fail that test when they are half a per cent too large, so that it can fail", () => {
    expect(kolmogorov(sorted.map((value) => value * 1.005)) * Math.sqrt(count)).toBeGreaterThan(1.95);
  });

  test.each([
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
    [6, 15, 10_170],
  ])("have the moment of order %d", (order, expected, variance) => {
    let sum = 0;
    for (const value of x) sum += value ** order;
    expect(Math.abs(sum / count - expected)).toBeLessThan(3.3 * Math.sqrt(variance / count));
  });

  // 2 (1 - Φ(z)) by SciPy 1.17.1; 3.4426 is where the tail is drawn by another method.
  test.each([
    [1, 0.31731050786291415],
    [2, 0.04550026389635839],
    [3, 0.0026997960632601866],
    [3.442619855899, 0.0005761085123916392],
    [4, 6.334248366623973e-5],
    [4.5, 6.795346249460107e-6],
  ])("lie beyond %d as often as they should, on both sides", (z, share) => {
    for (const side of [1, -1]) {
      const beyond = x.reduce((sum, value) => sum + (side * value > z ? 1 : 0), 0);
      const expected = (count * share) / 2;
      expect(Math.abs(beyond - expected)).toBeLessThan(3.5 * Math.sqrt(expected) + 1);
    }
  });

  test("are not correlated with their neighbours, nor are their squares", () => {
    for (const lag of [1, 2, 3, 4, 128]) {
      let [plain, squared] = [0, 0];
      for (let i = lag; i < count; i++) {
        plain += x[i]! * x[i - lag]!;
        squared += (x[i]! ** 2 - 1) * (x[i - lag]! ** 2 - 1);
      }
      expect(Math.abs(plain / count)).toBeLessThan(3.5 / Math.sqrt(count));
      expect(Math.abs(squared / count)).toBeLessThan((3.5 * 2) / Math.sqrt(count));
    }
  });

  test("fill small intervals evenly: the places in a layer do not depend on the layer", () => {
    const cells = new Float64Array(1000);
    for (const value of x) cells[Math.min(999, Math.floor(1000 * phi(value)))]!++;
    const chiSquare = cells.reduce((sum, observed) => sum + (observed - count / 1000) ** 2 / (count / 1000), 0);
    expect(chiSquare).toBeLessThan(1142.848); // SciPy's chi2.ppf(0.999, 999)
  });
});

test("a draw is the same whatever the length of what is filled", () => {
  for (const length of [1, 2, 7, 4099]) {
    expect(fillNormalByZiggurat(new Float32Array(length), draw)).toEqual(x.slice(0, length));
  }
});

test("another key gives other numbers, and so does the other method", () => {
  const first = (numbers: Float32Array) => [...numbers.subarray(0, 8)];
  const other = fillNormalByZiggurat(new Float32Array(8), { ...draw, step: 12 });
  expect(first(other)).not.toEqual(first(x));
  expect(first(fillNormal(new Float32Array(8), draw))).not.toEqual(first(x));
});

test("filling a part of an array leaves the rest alone", () => {
  const numbers = new Float32Array(6).fill(42);
  fillNormalByZiggurat(numbers.subarray(2, 4), draw);
  expect([...numbers.subarray(0, 2), ...numbers.subarray(4)]).toEqual([42, 42, 42, 42]);
});

/** The largest distance between the share of numbers up to a point and the normal distribution there. */
function kolmogorov(numbers: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const expected = phi(numbers[i]!);
    largest = Math.max(largest, Math.abs((i + 1) / count - expected), Math.abs(i / count - expected));
  }
  return largest;
}

/** Φ by the approximation 26.2.17 of Abramowitz and Stegun, good to 7.5e-8. */
function phi(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return z > 0 ? 1 - upper : upper;
}
