import { expect, test } from "vitest";
import { encodeScalar } from "../src/scalar.ts";

/** The value of finite float16 bits: (−1)^sign · 2^(exponent−15) · 1.mantissa, without the leading 1 for exponent 0. */
function decodeFloat16(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

function float16(value: number): number {
  const bytes = encodeScalar(value, "float16")!;
  return bytes[0]! | (bytes[1]! << 8);
}

test("every finite float16 is its own nearest, and what lies between two goes to the nearer or the even one", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [value, next] = [decodeFloat16(bits), decodeFloat16(bits + 1)];
    const middle = (value + next) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const rounded = [value, -value, middle, middle - (next - value) / 8, middle + (next - value) / 8].map(float16);
    if (rounded.join() !== [bits, bits | 0x8000, even, bits, bits + 1].join()) {
      expect.fail(`around ${value}: ${rounded}`);
    }
  }
});

test("what is too large becomes infinite, and no number stays none", () => {
  expect([65519, 65520, -1e9, Number.NaN].map(float16)).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7e00]);
});

test("other floating types are the machine's own, integers have none", () => {
  expect(encodeScalar(0.1, "float32")).toEqual(new Uint8Array(Float32Array.of(0.1).buffer));
  expect(encodeScalar(0.1, "float64")).toEqual(new Uint8Array(Float64Array.of(0.1).buffer));
  expect(encodeScalar(1, "int32")).toBeUndefined();
});
