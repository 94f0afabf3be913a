import type { AnyTensor } from "@casemate/tensor";
import { checkRules, int64, type RuleCheck, uniform } from "./harness.ts";

const free = [[0]];
const indices32: AnyTensor = { dtype: "int32", shape: [3], data: Int32Array.of(2, 0, 2) };

const gather = (shape: number[], indices: AnyTensor, axis: number, freeAxes: number[] = []): RuleCheck => ({
  op: "Gather",
  inputs: [uniform(shape), indices],
  attributes: { axis },
  free: [freeAxes],
  name: `[${indices.data}]`,
});

checkRules([
  gather([5, 3], int64([1, 3, 1, 0]), 0),
  gather([5, 3], int64([4, 2, 0]), 0),
  gather([5, 3], int64([-1, 0, 4]), 0),
  gather([5], int64([3, 3, 0]), 0),
  gather([5, 3], int64([0, 4, 4, 1, 2, 3], [2, 3]), 0),
  gather([4, 5], int64([1, 3, -1, 3]), 1, [0]),
  gather([4, 5, 2], int64([1, 3, 0, 3], [2, 2]), 1, [0]),
  gather([4, 5, 2], int64([1, 0]), -1, [0, 1]),
  gather([4, 3], indices32, 1, [0]),
  gather([4, 5, 2], int64([2], []), 1, [0]),
  gather([4, 5, 2], int64([-1], []), 1, [0, 1]),
  gather([4, 5, 2], int64([0], []), 1, [0, 1]),
  gather([4, 5], int64([2], [1]), 1, [0]),
  gather([4, 5], int64([2], [1, 1]), 1, [0]),
  gather([4], int64([2], []), 0),
]);

checkRules([
  {
    op: "GatherElements",
    inputs: [uniform([4, 3]), int64([1, 2, 0, 2, 0, 0], [2, 3])],
    attributes: { axis: 0 },
    name: "repeated",
  },
  { op: "GatherElements", inputs: [uniform([2, 5]), int64([0, -1, 2, 2], [2, 2])], attributes: { axis: 1 } },
  {
    op: "GatherElements",
    inputs: [uniform([2, 3, 2]), int64([1, 0, 2, 2, 0, 1, 0, 0], [2, 2, 2])],
    attributes: { axis: -2 },
  },
]);

checkRules([
  { op: "GatherND", inputs: [uniform([4, 3]), int64([0, 1, 2, 2, 0, 1], [3, 2])] },
  { op: "GatherND", inputs: [uniform([4, 3, 2]), int64([0, 1, -1, 2], [2, 2])] },
  { op: "GatherND", inputs: [uniform([4, 3, 2]), int64([3, 3, 0], [3, 1])] },
  { op: "GatherND", inputs: [uniform([4, 3]), int64([3, 1, 3, 1], [2, 1, 2])], free: [[1]] },
  { op: "GatherND", inputs: [uniform([2, 3, 2]), int64([1, 0], [2, 1])], attributes: { batch_dims: 1 } },
  {
    op: "GatherND",
    inputs: [uniform([2, 3, 4]), int64([1, 0, 3, 3, 2, 2], [2, 3, 1])],
    attributes: { batch_dims: 2 },
  },
]);

checkRules([
  {
    op: "ArrayFeatureExtractor",
    domain: "ai.onnx.ml",
    inputs: [uniform([4, 5]), int64([3, 1, 3], [1, 3])],
    free,
  },
  { op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", inputs: [uniform([4, 5]), int64([2])], free },
  { op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", inputs: [uniform([2, 3, 4]), int64([0, 3])] },
  { op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", inputs: [uniform([5]), int64([4, 0])] },
]);

checkRules([
  { op: "TopK", inputs: [uniform([4, 6]), int64([3])], outputs: 2, through: [0], free },
  { op: "TopK", inputs: [uniform([4, 6]), int64([2])], outputs: 2, through: [0], attributes: { largest: 0 }, free },
  { op: "TopK", inputs: [uniform([5, 4]), int64([2])], outputs: 2, through: [0], attributes: { axis: 0 } },
  { op: "TopK", inputs: [uniform([4, 3, 5]), int64([1])], outputs: 2, through: [0], attributes: { axis: 1 }, free },
]);

const places = int64([2, 0, 1, 1, 2, 0], [2, 3]);
const repeated = int64([2, 0, 1, 2, 0, 1], [2, 3]);
const updates = uniform([2, 3], { seed: 6 });
const scatter = (reduction: string, indices: AnyTensor, rest: Partial<RuleCheck> = {}): RuleCheck => ({
  op: "ScatterElements",
  inputs: [uniform([4, 3]), indices, updates],
  attributes: { axis: 0, reduction },
  name: rest.wrt ? `${reduction}, with respect to [${rest.wrt}]` : reduction,
  ...rest,
});

checkRules([
  scatter("none", places),
  scatter("none", places, { wrt: [2] }),
  scatter("add", repeated),
  scatter("max", repeated),
  scatter("min", repeated),
  scatter("mul", repeated, { wrt: [0], constants: [2] }),
  {
    op: "ScatterElements",
    inputs: [uniform([2, 5]), int64([-1, 1], [1, 2]), uniform([1, 2])],
    attributes: { axis: -1 },
  },
]);

const rows = int64([3, 0], [2, 1]);
const sameRow = int64([1, 1], [2, 1]);
const cells = int64([0, 1, 3, 2], [2, 2]);
const scatterND = (
  reduction: string,
  indices: AnyTensor,
  shape: number[],
  rest: Partial<RuleCheck> = {},
): RuleCheck => ({
  op: "ScatterND",
  inputs: [uniform([4, 3]), indices, uniform(shape, { seed: 6 })],
  attributes: { reduction },
  ...rest,
});

checkRules([
  scatterND("none", rows, [2, 3]),
  scatterND("none", cells, [2]),
  scatterND("none", rows, [2, 3], { wrt: [2], name: "with respect to the updates" }),
  scatterND("add", sameRow, [2, 3]),
  scatterND("add", cells, [2]),
  scatterND("max", cells, [2]),
  scatterND("min", rows, [2, 3]),
  scatterND("mul", rows, [2, 3], { wrt: [0], constants: [2] }),
]);
