import type { AnyTensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import type { AttributeLike } from "../../src/graph-builder.ts";
import { gradientAt, modelWith, node } from "./gradient-at.ts";
import { bools, floats, int64, uniform } from "./harness.ts";

const x = uniform([2, 4]);
type Case = readonly [
  what: string,
  op: string,
  initializers: Record<string, AnyTensor>,
  attributes: Record<string, AttributeLike>,
  message: RegExp,
];

const cases: readonly Case[] = [
  ["a diagonal", "Einsum", {}, { equation: "iij->ij" }, /Einsum 'y': .* no diagonal, got 'iij->ij'/],
  [
    "a product scattered from values that need a gradient",
    "ScatterND",
    { indices: int64([0], [1, 1]) },
    { reduction: "mul" },
    /ScatterND 'y': .* or mul with constant updates, got mul/,
  ],
  [
    "training without its mask",
    "Dropout",
    { ratio: floats([], [0.5]), mode: bools([1], []) },
    {},
    /Dropout 'y': .* mask/,
  ],
  [
    "padding that wraps more than once",
    "Pad",
    { pads: int64([0, 5, 0, 0]) },
    { mode: "wrap" },
    /Pad 'y': expected wrap padding of at most 4 without cropping on axis 1, got 5 and 0/,
  ],
];

test.each(cases)("%s is refused by name", async (_, op, initializers, attributes, message) => {
  const square = op === "Einsum" ? uniform([3, 3, 2]) : x;
  const inputs = op === "ScatterND" ? ["x", "indices", "rows"] : ["x", ...Object.keys(initializers)];
  const rows = { rows: uniform([1, 4]) };
  const feeds = op === "ScatterND" ? { x: square, ...rows } : { x: square };
  const model = modelWith([node(op, inputs, ["y"], attributes)], feeds, initializers);
  await expect(gradientAt(model, feeds, Object.keys(feeds))).rejects.toThrow(message);
});

test("slicing by a step that depends on the input is refused by name", async () => {
  const inputs = { x, step: int64([1]) };
  const model = modelWith([node("Slice", ["x", "starts", "ends", "axes", "step"], ["y"])], inputs, {
    starts: int64([0]),
    ends: int64([3]),
    axes: int64([1]),
  });
  await expect(gradientAt(model, inputs, ["x"])).rejects.toThrow(/Slice 'y': expected input 4 to be constant/);
});

test("a scale of QuantizeLinear that needs a gradient is refused by name", async () => {
  const zero: AnyTensor = { dtype: "uint8", shape: [], data: Uint8Array.of(0) };
  const model = modelWith(
    [node("QuantizeLinear", ["x", "scale", "zero"], ["q"]), node("DequantizeLinear", ["q", "scale", "zero"], ["y"])],
    { x, scale: floats([], [0.1]) },
    { zero },
  );
  await expect(gradientAt(model, { x, scale: floats([], [0.1]) }, ["scale"])).rejects.toThrow(
    /QuantizeLinear 'q': .* scale that needs no gradient/,
  );
});
