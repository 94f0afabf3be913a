import fc from "fast-check";
import { expect, test } from "vitest";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "../src/index.ts";

const everyPattern = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

// Patterns of IEEE 754-2019 binary16.
test.each([
  [0x0000, 0],
  [0x8000, -0],
  [0x0001, 2 ** -24],
  [0x03ff, 1023 * 2 ** -24],
  [0x0400, 2 ** -14],
  [0x3555, 0.333251953125],
  [0x3bff, 0.99951171875],
  [0x3c00, 1],
  [0x3c01, 1.0009765625],
  [0xc000, -2],
  [0x7bff, 65_504],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e00, NaN],
])("float16 0x%s is %d, both ways", (bits, value) => {
  expect(float16ToFloat32(Uint16Array.of(bits))[0]).toBe(value);
  expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(bits);
});

test.each([
  [65_519.99, 0x7bff],
  [65_520, 0x7c00],
  [2 ** -25, 0],
  [2 ** -25 * 1.001, 1],
  [3 * 2 ** -25, 2],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [2 ** -14 - 2 ** -26, 0x0400],
  [-0.1, 0xae66],
])("%d rounds to the float16 0x%s: to nearest, ties to even", (value, bits) => {
  expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(bits);
});

test("every float16 survives the way to float32 and back", () => {
  expect(float32ToFloat16(float16ToFloat32(everyPattern))).toEqual(everyPattern.map(quiet(0x7c00, 0x0200)));
});

test("narrowing to float16 takes a nearest of all float16 numbers", () => {
  const finite = float16ToFloat32(everyPattern.subarray(0, 0x7c00));
  fc.assert(
    fc.property(fc.float({ min: 0, max: 65_504, noNaN: true }), (value) => {
      const [rounded] = float16ToFloat32(float32ToFloat16(Float32Array.of(value)));
      const nearest = finite.reduce((best, each) => Math.min(best, Math.abs(each - value)), Infinity);
      expect(Math.abs(rounded! - value)).toBe(nearest);
    }),
    { numRuns: 50 },
  );
});

test.each([
  [0x3f80, 1],
  [0xc049, -3.140625],
  [0x7f7f, 3.3895313892515355e38],
  [0x0001, 2 ** -133],
  [0x7f80, Infinity],
])("bfloat16 0x%s is %d, both ways", (bits, value) => {
  expect(bfloat16ToFloat32(Uint16Array.of(bits))[0]).toBe(value);
  expect(float32ToBfloat16(Float32Array.of(value))[0]).toBe(bits);
});

test.each([
  [1 + 2 ** -8, 0x3f80],
  [1 + 3 * 2 ** -8, 0x3f82],
  [1 + 2 ** -8 + 2 ** -20, 0x3f81],
  [3.4028234663852886e38, 0x7f80],
])("%d rounds to the bfloat16 0x%s: to nearest, ties to even", (value, bits) => {
  expect(float32ToBfloat16(Float32Array.of(value))[0]).toBe(bits);
});

test("every bfloat16 survives the way to float32 and back", () => {
  expect(float32ToBfloat16(bfloat16ToFloat32(everyPattern))).toEqual(everyPattern.map(quiet(0x7f80, 0x0040)));
});

test("a part of an array is converted without touching the rest", () => {
  const target = new Float32Array(3).fill(7);
  float16ToFloat32(Uint16Array.of(0x3c00), target.subarray(1, 2));
  expect([...target]).toEqual([7, 1, 7]);
});

/** Narrowing makes signalling NaNs quiet, as IEEE 754 asks. */
function quiet(infinity: number, quietBit: number): (bits: number) => number {
  return (bits) => ((bits & 0x7fff) > infinity ? bits | quietBit : bits);
}
