import { describe, expect, test } from "vitest";
import type { Model } from "../src/model.ts";
import { gradientAt, modelWith, node } from "./gradients/gradient-at.ts";
import { floats, int64 } from "./gradients/harness.ts";

const x = floats([2, 2], [1, 2, -3, 4]);
const w = floats([2, 2], [1, -1, 2, 3]);

test("an initializer used in two places gets the sum of both gradients", async () => {
  const model = modelWith([node("MatMul", ["x", "w"], ["h"]), node("MatMul", ["h", "w"], ["y"])], { x }, { w });
  const [dx, dw] = await gradientAt(model, { x }, ["x", "w"]);
  // y = x w w, and the rows of w add up to r = [0, 5]: dy/dh = [r; r], dx = [w r; w r], dw = xᵀ[r; r] + hᵀ 1
  expect(dx).toEqual([-5, 15, -5, 15]);
  // h = [[5, 5], [5, 15]]; xᵀ[r; r] = [[0, -10], [0, 30]]; hᵀ 1 = [[10, 10], [20, 20]]
  expect(dw).toEqual([10, 0, 20, 50]);
});

test("a value used three times, and twice by one node, gets the sum of the gradients", async () => {
  const model = modelWith(
    [node("Add", ["x", "x"], ["h"]), node("Mul", ["h", "h"], ["squared"]), node("Sub", ["squared", "h"], ["y"])],
    { x },
  );
  // y = 4 x² − 2 x
  expect(await gradientAt(model, { x }, ["x"])).toEqual([[6, 14, -26, 30]]);
});

test("each of several inputs gets its gradient, also where one does not reach the loss", async () => {
  const inputs = { a: x, b: floats([2], [5, 7]), unused: floats([1], [3]), choice: int64([1, 1, 0]) };
  const model = modelWith(
    [
      node("Mul", ["a", "b"], ["product"]),
      node("Add", ["product", "b"], ["sum"]),
      node("Gather", ["sum", "choice"], ["y"], { axis: 1 }),
    ],
    inputs,
  );
  // y = [s₁, s₁, s₀] of s = a b + b
  const [da, db, unused] = await gradientAt(model, inputs, ["a", "b", "unused"]);
  expect(da).toEqual([5, 14, 5, 14]);
  expect(db).toEqual([1 + 1 - 3 + 1, 2 * (2 + 1 + 4 + 1)]);
  expect(unused).toEqual([0]);
});

test("inputs, initializers and intermediate values are differentiated in one run", async () => {
  const v = floats([2, 3], [1, 0, 2, -1, 4, 2]);
  const model = modelWith(
    [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "v"], ["y"])],
    { x: floats([2, 2], [1, 2, -3, 1]) },
    { w, v },
  );
  const feeds = { x: floats([2, 2], [1, 2, -3, 1]) };
  const [dx, dw, dh, dr, dy] = await gradientAt(model, feeds, ["x", "w", "h", "r", "y"]);
  // h = [[5, 5], [-1, 6]], the rows of v add up to 3 and 5
  expect(dy).toEqual([1, 1, 1, 1, 1, 1]);
  expect(dr).toEqual([3, 5, 3, 5]);
  expect(dh).toEqual([3, 5, 0, 5]);
  expect(dx).toEqual([3 - 5, 6 + 15, -5, 15]);
  expect(dw).toEqual([3, 5 - 15, 6, 10 + 5]);
});

describe("free axes", () => {
  /** Standardises each sequence over its own length, and repeats a constant over batch and sequence. */
  const model = (): Model => {
    const fixed = modelWith(
      [
        node("ReduceMean", ["x", "last"], ["mean"]),
        node("Sub", ["x", "mean"], ["centred"]),
        node("Shape", ["x"], ["shape"]),
        node("Expand", ["gain", "shape"], ["gains"]),
        node("Mul", ["centred", "gains"], ["scaled"]),
        node("Mul", ["scaled", "scaled"], ["y"]),
      ],
      { x },
      { last: int64([1]), gain: floats([1, 1], [3]) },
    );
    const inputs = fixed.graph.inputs.map((input) => ({ ...input, shape: ["batch", "sequence"] }));
    return { ...fixed, graph: { ...fixed.graph, inputs } };
  };

  test.each([
    [1, 1],
    [2, 7],
    [5, 3],
    [3, 20],
  ])("a batch of %i sequences of %i", async (batch, length) => {
    const numbers = Array.from({ length: batch * length }, (_, index) => ((index * 37) % 11) - 5);
    const feeds = { x: floats([batch, length], numbers) };
    const [dx, gain] = await gradientAt(model(), feeds, ["x", "gain"], {});
    // y = g² (x − x̄)², so dx = 2 g² (x − x̄) and dg = 2 g Σ (x − x̄)²
    const centred = numbers.map((each, index) => {
      const row = Math.floor(index / length);
      return each - numbers.slice(row * length, (row + 1) * length).reduce((sum, one) => sum + one, 0) / length;
    });
    centred.forEach((each, index) => {
      expect(dx![index]!).toBeCloseTo(18 * each, 3);
    });
    expect(gain![0]! / 6).toBeCloseTo(
      centred.reduce((sum, each) => sum + each * each, 0),
      2,
    );
  });
});
