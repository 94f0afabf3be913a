import type { AnyTensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import type { AttributeLike } from "../../src/graph-builder.ts";
import { gradientAt, modelWith, node } from "./gradient-at.ts";
import { floats, int64 } from "./harness.ts";

// At kinks the derivative is a convention: PyTorch's, whose values (2.13) stand here.
const at = (
  op: string,
  inputs: Record<string, AnyTensor>,
  initializers: Record<string, AnyTensor> = {},
  attributes: Record<string, AttributeLike> = {},
) => {
  const names = [...Object.keys(inputs), ...Object.keys(initializers)];
  return gradientAt(modelWith([node(op, names, ["y"], attributes)], inputs, initializers), inputs, Object.keys(inputs));
};

test("equal entries share the gradient of a maximum over axes evenly", async () => {
  const x = floats([2, 4], [1, 3, 3, 2, 5, 5, 5, 5]);
  expect(await at("ReduceMax", { x }, { axes: int64([1]) })).toEqual([[0, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25]]);
  expect(await at("ReduceMin", { x }, { axes: int64([1]) })).toEqual([[1, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]]);
});

test("equal arguments share the gradient of an elementwise maximum evenly", async () => {
  const [a, b] = await at("Max", { a: floats([1, 3], [1, 2, 3]), b: floats([1, 3], [2, 2, 2]) });
  expect([a, b]).toEqual([
    [0, 0.5, 1],
    [1, 0.5, 0],
  ]);
  const [x, low] = await at("Min", { x: floats([2, 2], [1, 4, 2, 2]), low: floats([1], [2]) });
  expect([x, low]).toEqual([[1, 0, 0.5, 0.5], [1 + 0.5 + 0.5]]);
});

test("the absolute value and norms have gradient 0 at 0", async () => {
  expect(await at("Abs", { x: floats([1, 3], [-2, 0, 2]) })).toEqual([[-1, 0, 1]]);
  const axes = int64([1]);
  expect(await at("ReduceL1", { x: floats([1, 3], [-2, 0, 2]) }, { axes })).toEqual([[-1, 0, 1]]);
  expect(await at("ReduceL2", { x: floats([2, 2], [0, 0, 3, 4]) }, { axes })).toEqual([
    [0, 0, Math.fround(0.6), Math.fround(0.8)],
  ]);
});

test("a rectifier has gradient 0 at 0, and is exact for the smallest numbers", async () => {
  expect(await at("Relu", { x: floats([1, 4], [-1, 0, 1e-20, 1e20]) })).toEqual([[0, 0, 1, 1]]);
});

test("a rectifier that ends at 6 has gradient 0 on its bounds", async () => {
  const x = floats([1, 6], [-1, 0, 1e-20, 6 * (1 - 2 ** -23), 6, 7]);
  expect(await at("Clip", { x }, { min: floats([], [0]), max: floats([], [6]) })).toEqual([[0, 0, 1, 1, 0, 0]]);
});

test("clipping passes the gradient on its bounds and not one step beyond them", async () => {
  const after = 6 * (1 + 2 ** -23);
  const before = -1.5 * (1 + 2 ** -23);
  const x = floats([1, 8], [-2, before, -1.5, 0, 5.5, 6, after, 7]);
  expect(await at("Clip", { x }, { min: floats([], [-1.5]), max: floats([], [6]) })).toEqual([
    [0, 0, 1, 1, 1, 1, 0, 0],
  ]);
  const unit = floats([1, 6], [-1e-20, 0, 0.5, 1, 1 + 2 ** -23, 2]);
  expect(await at("Clip", { x: unit }, { min: floats([], [0]), max: floats([], [1]) })).toEqual([[0, 1, 1, 1, 0, 0]]);
});

test("products over axes count the zeros", async () => {
  const x = floats([3, 3], [2, 3, 4, 2, 0, 4, 0, 0, 4]);
  expect(await at("ReduceProd", { x }, { axes: int64([1]) })).toEqual([[12, 8, 6, 0, 8, 0, 0, 0, 0]]);
});

test("what rounds has no gradient", async () => {
  for (const op of ["Round", "Floor", "Ceil", "Sign"]) {
    expect(await at(op, { x: floats([1, 3], [-1.2, 0.3, 2.6]) })).toEqual([[0, 0, 0]]);
  }
});
