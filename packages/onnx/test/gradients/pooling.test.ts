import type { AnyTensor, Shape } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import type { AttributeLike, GraphBuilder } from "../../src/graph-builder.ts";
import type { Value } from "../../src/value.ts";
import { runOnce, tinyModel } from "../tiny-model.ts";
import { checkRules, numbersOf, type RuleCheck, uniform } from "./harness.ts";
import { pool, type Sliding } from "./window-reference.ts";

type Summary = (seen: readonly number[], inPadded: number) => number;

function pooling(
  op: string,
  shape: Shape,
  { kernel, ceil, autoPad, ...rest }: Sliding & { autoPad?: string },
  summary: Summary,
  others: { attributes?: Record<string, AttributeLike>; free?: RuleCheck["free"]; opset?: RuleCheck["opset"] } = {},
): RuleCheck {
  const { pads, ...steps } = rest;
  return {
    op,
    inputs: [spread(shape)],
    attributes: {
      kernel_shape: kernel,
      ...steps,
      ...(autoPad ? { auto_pad: autoPad } : pads && { pads }),
      ...(ceil && { ceil_mode: 1 }),
      ...others.attributes,
    },
    free: others.free,
    opset: others.opset,
    reference: ([x = []], [given = []]) => pool(x, given, { kernel, ceil, ...rest }, summary),
  };
}

/** Distinct numbers, none near 0 and no two near each other, so that no maximum and no absolute value is at a kink. */
function spread(shape: Shape): AnyTensor {
  const ranks = uniform(shape, { seed: 5 });
  const order = Array.from(ranks.data as Float32Array, (value, index) => ({ value, index })).sort(
    (a, b) => a.value - b.value,
  );
  const data = new Float32Array(order.length);
  for (const [rank, { index }] of order.entries()) {
    data[index] = ((rank + 0.5) / order.length) * 4 - 2;
  }
  return { dtype: "float32", shape, data };
}

const mean: Summary = (seen) => seen.reduce((sum, each) => sum + each, 0) / seen.length;
const meanWithPadding: Summary = (seen, inPadded) => seen.reduce((sum, each) => sum + each, 0) / inPadded;
const withPadding = { attributes: { count_include_pad: 1 } };
const largest: Summary = (seen) => Math.max(...seen);
const lp =
  (p: number): Summary =>
  (seen) =>
    seen.reduce((sum, each) => sum + Math.abs(each) ** p, 0) ** (1 / p);
const anyBatch = { free: [[0]] };
const anyImage = { free: [[0, 2, 3]] };

checkRules([
  pooling("AveragePool", [2, 3, 7], { kernel: [3], strides: [2] }, mean, anyBatch),
  pooling("AveragePool", [2, 2, 6, 4], { kernel: [2, 2], strides: [2, 2] }, mean, anyImage),
  pooling("AveragePool", [2, 2, 7, 5], { kernel: [2, 2], strides: [2, 2] }, mean, anyBatch),
  pooling("AveragePool", [2, 2, 5, 6], { kernel: [3, 3], pads: [1, 1, 1, 1] }, mean, anyImage),
  pooling("AveragePool", [2, 2, 5, 6], { kernel: [3, 2], pads: [1, 0, 1, 1] }, meanWithPadding, {
    ...withPadding,
    ...anyImage,
  }),
  pooling("AveragePool", [1, 2, 7, 8], { kernel: [3, 3], strides: [2, 2], pads: [0, 1, 1, 0] }, mean),
  pooling("AveragePool", [1, 2, 6, 6], { kernel: [3, 3], strides: [2, 2], ceil: true }, mean, anyImage),
  pooling(
    "AveragePool",
    [2, 2, 6, 7],
    { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil: true },
    mean,
    anyImage,
  ),
  pooling(
    "AveragePool",
    [1, 2, 6, 7],
    { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil: true },
    meanWithPadding,
    { ...withPadding, ...anyImage },
  ),
  pooling("AveragePool", [1, 2, 7, 7], { kernel: [2, 3], dilations: [3, 2], pads: [1, 1, 1, 1] }, mean, {
    opset: [19, 22],
  }),
  pooling("AveragePool", [1, 2, 5, 5], { kernel: [3, 2], pads: [1, 0, 1, 1], autoPad: "SAME_UPPER" }, mean, anyImage),
  pooling("AveragePool", [1, 2, 5, 5], { kernel: [3, 2], pads: [1, 1, 1, 0], autoPad: "SAME_LOWER" }, mean),
  pooling("AveragePool", [1, 2, 5, 5], { kernel: [3, 2], autoPad: "VALID" }, mean),
  pooling(
    "AveragePool",
    [1, 2, 4, 5, 4],
    { kernel: [2, 3, 2], strides: [1, 2, 2], pads: [1, 1, 0, 0, 1, 0] },
    mean,
    anyBatch,
  ),
]);

checkRules([
  pooling("MaxPool", [2, 3, 7], { kernel: [3], strides: [2] }, largest, anyBatch),
  pooling("MaxPool", [2, 2, 6, 4], { kernel: [2, 2], strides: [2, 2] }, largest, anyImage),
  pooling("MaxPool", [2, 2, 7, 5], { kernel: [2, 2], strides: [3, 2] }, largest, anyBatch),
  pooling("MaxPool", [2, 2, 8, 7], { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, largest, anyImage),
  pooling("MaxPool", [1, 2, 6, 6], { kernel: [3, 3], strides: [2, 2], ceil: true }, largest),
  pooling("MaxPool", [1, 2, 5, 5], { kernel: [2, 2], strides: [2, 2], ceil: true }, largest, anyImage),
  pooling("MaxPool", [1, 2, 6, 6], { kernel: [2, 2], dilations: [2, 3] }, largest, anyBatch),
  pooling("MaxPool", [1, 2, 5, 6], { kernel: [3, 2], pads: [1, 0, 1, 1], autoPad: "SAME_UPPER" }, largest),
  pooling("MaxPool", [1, 2, 6, 4], { kernel: [2, 2], strides: [2, 2] }, largest, { attributes: { storage_order: 1 } }),
  pooling("MaxPool", [1, 2, 4, 6, 4], { kernel: [2, 2, 2], strides: [2, 2, 2] }, largest, anyBatch),
  pooling("MaxPool", [1, 2, 4, 5, 4], { kernel: [2, 3, 2], pads: [1, 0, 1, 0, 1, 0] }, largest, anyBatch),
]);

checkRules([
  pooling("LpPool", [2, 3, 7], { kernel: [3], strides: [2] }, lp(2), anyBatch),
  pooling("LpPool", [1, 2, 5, 6], { kernel: [3, 2], pads: [1, 0, 1, 1] }, lp(3), { attributes: { p: 3 } }),
  pooling("LpPool", [1, 2, 6, 6], { kernel: [2, 2], strides: [2, 2] }, lp(1), { attributes: { p: 1 }, ...anyImage }),
  pooling("LpPool", [1, 2, 6, 6], { kernel: [2, 2], dilations: [2, 2] }, lp(2)),
]);

const ofAll = (op: string, summary: Summary, shape: Shape, others = {}): RuleCheck => ({
  op,
  inputs: [spread(shape)],
  reference: ([x = []], [given = []]) => pool(x, given, { kernel: given.slice(2) }, summary),
  free: [[0, 2]],
  ...others,
});

checkRules([
  ofAll("GlobalAveragePool", mean, [2, 3, 4, 5], { free: [[0]] }),
  ofAll("GlobalAveragePool", mean, [2, 3, 4]),
  ofAll("GlobalAveragePool", mean, [2, 3, 4, 2, 3], { free: [[0, 2, 3, 4]] }),
  ofAll("GlobalMaxPool", largest, [2, 3, 4, 5]),
  ofAll("GlobalMaxPool", largest, [2, 3, 4]),
  ofAll("GlobalLpPool", lp(2), [2, 3, 4, 5], { opset: [18, 21] }),
  ofAll("GlobalLpPool", lp(3), [2, 3, 4], { attributes: { p: 3 }, opset: [18, 21] }),
]);

test.each([
  { stride: 2, expected: [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0] },
  { stride: 1, expected: [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0] },
])("of equal numbers in a window, the first gets the gradient: stride $stride", async ({ stride, expected }) => {
  const model = tinyModel(["batch", 1, 4, 4], (graph, x) =>
    graph.op("MaxPool", [x], { attributes: { kernel_shape: [2, 2], strides: [stride, stride] } }),
  );
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1, 2, 3], 0);
  const x: AnyTensor = { dtype: "float32", shape: [1, 1, 4, 4], data: new Float32Array(16).fill(0.5) };
  const results = await runOnce(await differentiate(model, { wrt: ["x"], loss }), { x });
  expect(numbersOf(results["gradient/x"]!)).toEqual(expected);
});
