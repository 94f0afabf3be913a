import type { AnyTensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { gradientAt, modelWith, node } from "./gradient-at.ts";
import { floats } from "./harness.ts";

const x = floats([1, 6], [-13.2, -12.7, -0.3, 0.07, 12.6, 12.9]);
const int8 = (numbers: number[]): AnyTensor => ({
  dtype: "int8",
  shape: numbers.length === 1 ? [] : [numbers.length],
  data: Int8Array.from(numbers),
});
const uint8 = (numbers: number[]): AnyTensor => ({
  dtype: "uint8",
  shape: numbers.length === 1 ? [] : [numbers.length],
  data: Uint8Array.from(numbers),
});
const uint16 = (number: number): AnyTensor => ({ dtype: "uint16", shape: [], data: Uint16Array.of(number) });

/** x through QuantizeLinear and DequantizeLinear, then times a weight per column. */
function quantised(initializers: Record<string, AnyTensor>, attributes: Record<string, number> = {}, opset = 21) {
  return modelWith(
    [
      node("QuantizeLinear", ["x", "scale", ...("zero" in initializers ? ["zero"] : [])], ["q"], attributes),
      node("DequantizeLinear", ["q", "scale", ...("zero" in initializers ? ["zero"] : [])], ["d"], attributes),
      node("Mul", ["d", "w"], ["y"]),
    ],
    { x },
    { w: floats([6], [1, 2, 3, 4, 5, 6]), ...initializers },
    opset,
  );
}

describe("a quantised value passes the gradient straight through where it does not saturate", () => {
  test.each([
    // with scale 0.1: int8 holds round(10 x) in [-128, 127], so x in [-12.85, 12.75]
    ["int8 with a scale for all", { scale: floats([], [0.1]), zero: int8([0]) }, {}, [0, 2, 3, 4, 5, 0]],
    // with zero 3: x in [-13.15, 12.45]
    ["int8 with a zero point", { scale: floats([], [0.1]), zero: int8([3]) }, {}, [0, 2, 3, 4, 0, 0]],
    // uint8 without zero point: x in [-0.05, 25.55]
    ["uint8 by default", { scale: floats([], [0.1]) }, {}, [0, 0, 0, 4, 5, 6]],
    ["uint8 with a zero point", { scale: floats([], [0.1]), zero: uint8([128]) }, {}, [0, 2, 3, 4, 5, 0]],
    ["uint16", { scale: floats([], [0.1]), zero: uint16(130) }, {}, [0, 2, 3, 4, 5, 6]],
    [
      "a scale per column",
      { scale: floats([6], [0.1, 0.11, 0.001, 0.1, 0.1, 0.2]), zero: int8([0, 0, 0, 0, 0, 0]) },
      { axis: 1 },
      [0, 2, 0, 4, 5, 6],
    ],
    [
      "a scale per column, counted from the back",
      { scale: floats([6], [1, 1, 1, 0.0001, 1, 1]), zero: uint8([20, 20, 0, 0, 20, 250]) },
      { axis: -1 },
      [1, 2, 3, 0, 5, 0],
    ],
  ] as const)("%s", async (_, initializers, attributes, expected) => {
    const [gradient] = await gradientAt(quantised(initializers, attributes), { x }, ["x"]);
    gradient!.forEach((each, index) => {
      expect(each).toBeCloseTo(expected[index]!, 5);
    });
  });
});

test("a dequantised weight passes the gradient times its scale, and gives one to the scale", async () => {
  const inputs = { x: floats([2, 2], [1, 2, 3, 5]) };
  const model = modelWith(
    [node("DequantizeLinear", ["q", "scale", "zero"], ["w"], { axis: 1 }), node("MatMul", ["x", "w"], ["y"])],
    inputs,
    {
      q: { dtype: "int8", shape: [2, 3], data: Int8Array.of(1, 2, 3, 4, 5, 7) },
      scale: floats([3], [0.5, 2, 0.25]),
      zero: int8([1, 0, -1]),
    },
  );
  const [weight, scale] = await gradientAt(model, inputs, ["w", "scale"]);
  expect(weight).toEqual([4, 4, 4, 7, 7, 7]); // the column sums of x
  expect(scale).toEqual([4 * 0 + 7 * 3, 4 * 2 + 7 * 5, 4 * 4 + 7 * 8]); // Σ dw (q − zero)
});
