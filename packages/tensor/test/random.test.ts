import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Draw,
  fillCoarseNormal,
  fillIntegers,
  fillNormal,
  fillSigns,
  fillUniform,
  fillWords,
  normalQuantile,
  philox4x32,
} from "../src/index.ts";

const draw: Draw = { seed: 2 ** 40 + 7, stream: 3, sample: 5, step: 11 };

// Known-answer vectors of Random123 (tests/kat_vectors, philox4x32 10).
test.each([
  ["00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  ["ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  ["243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
])("philox4x32 of counter %s under key %s is %s", (counter, key, expected) => {
  const words = (text: string) => Uint32Array.from(text.split(" "), (word) => Number.parseInt(word, 16));
  const output = new Uint32Array(4);
  philox4x32(words(counter), words(key), output);
  expect(output).toEqual(words(expected));
});

test("the high halves of the products agree with BigInt arithmetic", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
      const output = new Uint32Array(4);
      philox4x32(Uint32Array.from(counter), Uint32Array.from(key), output);
      expect([...output]).toEqual(philoxByBigInt(counter, key));
    }),
  );
});

test("a draw is the same whatever the length of what is filled", () => {
  const long = fillWords(new Uint32Array(41), draw);
  for (const length of [1, 2, 3, 4, 5, 40]) {
    expect(fillWords(new Uint32Array(length), draw)).toEqual(long.subarray(0, length));
  }
});

test.each(["seed", "stream", "sample", "step"] as const)("another %s gives other words", (part) => {
  const other = fillWords(new Uint32Array(8), { ...draw, [part]: draw[part] + 1 });
  const same = fillWords(new Uint32Array(8), draw).filter((word, i) => word === other[i]);
  expect(same.length).toBe(0);
});

test("seeds that differ only above 32 bits differ", () => {
  expect(fillWords(new Uint32Array(4), { ...draw, seed: 7 })).not.toEqual(fillWords(new Uint32Array(4), draw));
});

test("uniform numbers have the moments of the uniform distribution and stay inside", () => {
  const x = fillUniform(new Float32Array(200_000), draw, -2, 4);
  expect(moment(x, 1)).toBeCloseTo(1, 1.5); // standard error 0.004
  expect(moment(x, 2)).toBeCloseTo(3 + 1, 1.2); // variance 36 / 12 and mean 1
  expect(Math.min(...extremes(x))).toBeGreaterThanOrEqual(-2);
  expect(Math.max(...extremes(x))).toBeLessThan(4);
});

test("the normal quantile agrees with published values", () => {
  // Abramowitz & Stegun, table 26.5, and the usual critical values.
  for (const [p, x] of [
    [0.5, 0],
    [0.975, 1.959963985],
    [0.995, 2.575829304],
    [0.0001, -3.719016485],
    [0.6, 0.253347103],
  ] as const) {
    expect(normalQuantile(p)).toBeCloseTo(x, 8);
  }
});

test("coarse normal numbers have the moments of the normal distribution, and neighbours are not correlated", () => {
  const x = fillCoarseNormal(new Float32Array(200_001), draw);
  expect(Math.abs(moment(x, 1))).toBeLessThan(0.01);
  expect(Math.abs(moment(x, 2) - 1)).toBeLessThan(0.015);
  expect(Math.abs(moment(x, 4) - 3)).toBeLessThan(0.1);
  const products = x.subarray(1).map((value, i) => value * x[i]!);
  expect(Math.abs(moment(products, 1))).toBeLessThan(0.01);
  expect(fillCoarseNormal(new Float32Array(7), draw)).toEqual(x.slice(0, 7));
});

test("normal numbers have the moments and the tail of the normal distribution", () => {
  const x = fillNormal(new Float32Array(200_001), draw);
  expect(Math.abs(moment(x, 1))).toBeLessThan(0.01); // 4.5 standard errors
  expect(Math.abs(moment(x, 2) - 1)).toBeLessThan(0.015);
  expect(Math.abs(moment(x, 4) - 3)).toBeLessThan(0.1);
  const beyond = x.filter((value) => Math.abs(value) > 1.959964).length / x.length;
  expect(Math.abs(beyond - 0.05)).toBeLessThan(0.002);
});

test("integers are spread evenly over their range", () => {
  const counts = new Array<number>(7).fill(0);
  for (const value of fillIntegers(new Int32Array(70_000), draw, 7)) counts[value]!++;
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(chiSquare).toBeLessThan(22.46); // 0.999 quantile at 6 degrees of freedom
});

test("signs are -1 or 1, each half of the time", () => {
  const x = fillSigns(new Float32Array(100_003), draw);
  expect(new Set(x)).toEqual(new Set([-1, 1]));
  expect(Math.abs(moment(x, 1))).toBeLessThan(0.015);
});

test("filling a part of an array leaves the rest alone", () => {
  const x = new Float32Array(9).fill(42);
  fillUniform(x.subarray(2, 5), draw);
  fillNormal(x.subarray(6, 7), draw);
  expect([x[0], x[1], x[5], x[7], x[8]]).toEqual([42, 42, 42, 42, 42]);
});

test.each([
  ["seed", -1],
  ["seed", 2 ** 53],
  ["sample", 0.5],
  ["step", 2 ** 32],
])("a %s of %d is refused", (part, value) => {
  expect(() => fillWords(new Uint32Array(1), { ...draw, [part]: value })).toThrow(/random: .* must be a whole number/);
});

test("integers below zero are refused", () => {
  expect(() => fillIntegers(new Int32Array(1), draw, 0)).toThrow(/below must be a whole number/);
});

function moment(x: Float32Array, power: number): number {
  return x.reduce((sum, value) => sum + value ** power, 0) / x.length;
}

function extremes(x: Float32Array): [number, number] {
  return x.reduce<[number, number]>(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
}

function philoxByBigInt(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = c0 * 0xd2511f53n;
    const p1 = c2 * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}
