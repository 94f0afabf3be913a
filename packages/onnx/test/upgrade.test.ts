import { fileURLToPath } from "node:url";
import type { AnyTensor, Shape, Storage } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type AttributeLike, attributeOf, float } from "../src/graph-builder.ts";
import { tensorInitializer } from "../src/initializer.ts";
import type { Dimension, ElementType, Graph, Model, Node } from "../src/model.ts";
import { readModel } from "../src/read.ts";
import { upgradeOpset } from "../src/upgrade.ts";
import { runOnce, wave } from "./tiny-model.ts";

interface Case {
  readonly op: string;
  readonly opset: number;
  readonly x: AnyTensor;
  /** Further inputs, as initializers; undefined is absent. */
  readonly constants?: readonly (AnyTensor | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly outputs?: number;
  readonly name?: string;
  /** Operators of the upgraded graph; the operator alone if absent. */
  readonly becomes?: readonly string[];
  /** Declares the axes of x and y free and the rank of y unknown. */
  readonly isDynamic?: boolean;
}

const image = wave([2, 3, 4, 6]);

const cases: readonly Case[] = [
  {
    op: "BatchNormalization",
    opset: 7,
    x: image,
    constants: perChannel(),
    attributes: { spatial: 1, epsilon: float(1e-3) },
  },
  { op: "BatchNormalization", opset: 9, x: image, constants: perChannel() },
  { op: "Clip", opset: 7, x: image, attributes: { min: float(-0.25), max: float(0.5) } },
  { op: "Clip", opset: 7, x: image, attributes: { min: float(0) }, name: "below alone" },
  {
    op: "Clip",
    opset: 7,
    x: image,
    attributes: { min: float(-3.4028234663852886e38), max: float(0.1) },
    name: "no bound written out",
  },
  { op: "Dropout", opset: 7, x: image, attributes: { ratio: float(0.25) } },
  { op: "Dropout", opset: 10, x: image },
  { op: "Hardmax", opset: 11, x: image, attributes: { axis: 3 } },
  { op: "Hardmax", opset: 11, x: image, attributes: { axis: 2 }, becomes: ["Shape", "Flatten", "Hardmax", "Reshape"] },
  { op: "LogSoftmax", opset: 11, x: image, attributes: { axis: -1 } },
  { op: "LogSoftmax", opset: 7, x: image, becomes: ["Shape", "Flatten", "LogSoftmax", "Reshape"] },
  { op: "Pad", opset: 7, x: image, attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: float(0.75) } },
  { op: "Pad", opset: 10, x: image, attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], mode: "reflect" } },
  { op: "Pad", opset: 10, x: image, attributes: { pads: [0, 0, -1, 0, 0, 0, -1, 2], mode: "edge" }, name: "cropping" },
  ...["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].flatMap((kind): Case[] => [
    { op: `Reduce${kind}`, opset: 12, x: image, attributes: { axes: [1, 3], keepdims: 0 } },
    { op: `Reduce${kind}`, opset: 11, x: image, attributes: { axes: [-1] } },
    { op: `Reduce${kind}`, opset: 7, x: image, name: "over everything" },
  ]),
  { op: "ReduceLogSum", opset: 12, x: positive(image), attributes: { axes: [2] } },
  { op: "ReduceMean", opset: 17, x: image, attributes: { axes: [2, 3] } },
  {
    op: "ReduceSum",
    opset: 13,
    x: image,
    constants: [int64([2])],
    attributes: { keepdims: 0 },
    name: "with its axes an input",
  },
  { op: "Resize", opset: 10, x: image, constants: [float32([1, 1, 2, 1.5])] },
  { op: "Resize", opset: 10, x: image, constants: [float32([1, 1, 0.6, 0.5])], name: "shrinking" },
  { op: "Resize", opset: 10, x: image, constants: [float32([1, 1, 2, 0.5])], attributes: { mode: "linear" } },
  {
    op: "Resize",
    opset: 11,
    x: image,
    constants: [float32([]), float32([1, 1, 2, 2])],
    attributes: { mode: "linear", coordinate_transformation_mode: "align_corners" },
  },
  { op: "Resize", opset: 11, x: image, constants: [float32([]), float32([]), int64([2, 3, 7, 9])], name: "to sizes" },
  {
    op: "Resize",
    opset: 13,
    x: image,
    constants: [undefined, undefined, int64([2, 3, 7, 9])],
    attributes: { mode: "cubic" },
  },
  {
    op: "Resize",
    opset: 11,
    x: image,
    constants: [float32([0, 0, 0.2, 0.1, 1, 1, 0.8, 0.9]), float32([]), int64([2, 3, 3, 3])],
    attributes: { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize" },
  },
  {
    op: "Resize",
    opset: 11,
    x: image,
    constants: [float32([]), float32([1, 1, 2, 2])],
    attributes: { coordinate_transformation_mode: "tf_half_pixel_for_nn" },
  },
  {
    op: "RoiAlign",
    opset: 10,
    x: image,
    constants: [{ dtype: "float32", shape: [2, 4], data: Float32Array.of(0, 0, 3, 3, 1, 0, 5, 3) }, int64([0, 1])],
    attributes: { output_height: 2, output_width: 2, sampling_ratio: 2 },
  },
  {
    op: "Scatter",
    opset: 9,
    x: wave([3, 3]),
    constants: [{ dtype: "int64", shape: [2, 3], data: BigInt64Array.of(1n, 0n, 2n, 0n, 2n, 1n) }, wave([2, 3], 1)],
    attributes: { axis: 0 },
    becomes: ["ScatterElements"],
  },
  { op: "Slice", opset: 7, x: image, attributes: { starts: [1, -3], ends: [2 ** 63, -1], axes: [1, 3] } },
  { op: "Slice", opset: 9, x: image, attributes: { starts: [0, 1], ends: [1, 1000] }, name: "of the first axes" },
  { op: "Softmax", opset: 7, x: wave([4, 5]) },
  { op: "Softmax", opset: 11, x: image, attributes: { axis: -1 } },
  { op: "Softmax", opset: 12, x: image, attributes: { axis: 3 } },
  { op: "Softmax", opset: 7, x: image, becomes: ["Shape", "Flatten", "Softmax", "Reshape"] },
  { op: "Softmax", opset: 11, x: image, attributes: { axis: -2 }, becomes: ["Shape", "Flatten", "Softmax", "Reshape"] },
  {
    op: "Softmax",
    opset: 11,
    x: image,
    attributes: { axis: 2 },
    isDynamic: true,
    becomes: ["Shape", "Flatten", "Softmax", "Reshape"],
  },
  { op: "Split", opset: 7, x: image, attributes: { axis: 3 }, outputs: 2 },
  { op: "Split", opset: 11, x: image, attributes: { axis: -1, split: [1, 5] }, outputs: 2 },
  { op: "Split", opset: 13, x: image, attributes: { axis: 3 }, outputs: 3 },
  { op: "Split", opset: 17, x: image, constants: [int64([2, 4])], attributes: { axis: 3 }, outputs: 2 },
  { op: "Squeeze", opset: 7, x: wave([1, 3, 1, 2]), attributes: { axes: [0, 2] } },
  { op: "Squeeze", opset: 11, x: wave([1, 3, 1, 2]), name: "all" },
  { op: "TopK", opset: 7, x: wave([3, 7]), attributes: { k: 3, axis: 1 }, outputs: 2 },
  { op: "Unsqueeze", opset: 11, x: wave([3, 2]), attributes: { axes: [0, -1] } },
  {
    op: "Upsample",
    opset: 7,
    x: image,
    attributes: { scales: { type: "floats", value: [1, 1, 2, 3] } },
    becomes: ["Resize"],
  },
  {
    op: "Upsample",
    opset: 9,
    x: image,
    constants: [float32([1, 1, 2, 1.5])],
    attributes: { mode: "linear" },
    becomes: ["Resize"],
  },
  { op: "Upsample", opset: 9, x: image, constants: [float32([1, 1, 1.7, 2.3])], becomes: ["Resize"] },
  // Operators whose newer form only adds what is off by default.
  { op: "ArgMax", opset: 7, x: image, attributes: { axis: 1, keepdims: 0 } },
  { op: "AveragePool", opset: 7, x: image, attributes: { kernel_shape: [2, 2], pads: [1, 1, 0, 0], strides: [2, 2] } },
  {
    op: "Gemm",
    opset: 7,
    x: wave([2, 3]),
    constants: [wave([4, 3]), wave([4])],
    attributes: { transB: 1, alpha: float(0.5) },
  },
  { op: "LpPool", opset: 7, x: image, attributes: { kernel_shape: [2, 2], p: 2 } },
  { op: "MaxPool", opset: 7, x: image, attributes: { kernel_shape: [2, 2], auto_pad: "SAME_UPPER" } },
  { op: "Reshape", opset: 7, x: image, constants: [int64([0, -1])] },
  { op: "Flatten", opset: 7, x: image, attributes: { axis: 2 } },
  { op: "LSTM", opset: 7, x: wave([4, 2, 3]), constants: recurrent(4), attributes: { hidden_size: 2 }, outputs: 3 },
  {
    op: "GRU",
    opset: 7,
    x: wave([4, 2, 3]),
    constants: recurrent(3),
    attributes: { hidden_size: 2, linear_before_reset: 1 },
    outputs: 2,
  },
  { op: "RNN", opset: 7, x: wave([4, 2, 3]), constants: recurrent(1), attributes: { hidden_size: 2 }, outputs: 2 },
  { op: "LRN", opset: 7, x: image, attributes: { size: 3 } },
  { op: "Greater", opset: 7, x: image, constants: [wave([6], 2)] },
  { op: "PRelu", opset: 7, x: image, constants: [wave([3, 1, 1])] },
  { op: "OneHot", opset: 9, x: int64([1, 0, 2]), constants: [int64([4]), float32([0, 1])] },
];

describe("an upgraded operator computes what the old one did", () => {
  test.each(cases.map((each) => ({ title: titleOf(each), ...each })))("$title", async (each) => {
    const old = modelOf(each);
    const upgraded = upgradeOpset(old);
    expect(upgraded.opsets.get("")).toBe(18);
    expect(upgraded.graph.nodes.map(({ op }) => op)).toEqual(each.becomes ?? [each.op]);
    expect(await runOnce(upgraded, { x: each.x })).toEqual(await runOnce(old, { x: each.x }));
  });
});

test.each([
  { name: "convolutions", x: wave([3, 3, 8, 8]) },
  {
    name: "attention",
    x: { dtype: "int64", shape: [3, 6], data: BigInt64Array.from({ length: 18 }, (_, i) => BigInt((7 * i) % 20)) },
  },
] satisfies { name: string; x: AnyTensor }[])(
  "PyTorch's $name of opset 9 compute what they did",
  async ({ name, x }) => {
    const old = await readModel(fileURLToPath(new URL(`vectors/opset-9/${name}.onnx`, import.meta.url)));
    const expected = (await runOnce(old, { x })).y?.data as Float32Array;
    const upgraded = (await runOnce(upgradeOpset(old), { x })).y?.data as Float32Array;
    expect(upgraded).toHaveLength(expected.length);
    expect(Math.max(...upgraded.map((value, index) => Math.abs(value - expected[index]!)))).toBeLessThan(1e-6);
  },
);

test("operators inside branches are upgraded too", async () => {
  const branch = (name: string, attributes: Readonly<Record<string, AttributeLike>>): Graph => ({
    name,
    nodes: [node("Clip", ["x"], [`${name}/y`], attributes)],
    inputs: [],
    outputs: [{ name: `${name}/y`, dtype: "float32", shape: undefined, kind: "tensor" }],
    initializers: new Map(),
  });
  const old = model(
    10,
    [
      node("ReduceSum", ["x"], ["sum"], { keepdims: 0 }),
      node("Greater", ["sum", "zero"], ["condition"]),
      node("If", ["condition"], ["y"], {
        then_branch: { type: "graph", value: branch("then", { min: float(0.1) }) },
        else_branch: { type: "graph", value: branch("else", { max: float(-0.1) }) },
      }),
    ],
    { x: ["float32", [3, 2]] },
    ["y"],
    { zero: { dtype: "float32", shape: [], data: Float32Array.of(0) } },
  );
  for (const x of [positive(wave([3, 2])), wave([3, 2], 4)]) {
    expect(await runOnce(upgradeOpset(old), { x })).toEqual(await runOnce(old, { x }));
  }
});

test("float16 bounds keep their type", async () => {
  const x: AnyTensor = { dtype: "float16", shape: [4], data: Uint16Array.of(0x3c00, 0xbc00, 0x3400, 0x7bff) }; // 1, -1, 0.25, 65504
  const old = modelOf({ op: "Clip", opset: 7, x, attributes: { min: float(-0.1), max: float(0.3) } });
  const { y } = await runOnce(upgradeOpset(old), { x });
  expect(Array.from((y as { data: Uint16Array }).data)).toEqual([0x34cd, 0xae66, 0x3400, 0x34cd]); // 0.3 and -0.1 in numpy.float16
});

test("a model of opset 18 or newer stays the same", () => {
  const newer = modelOf({ op: "Relu", opset: 21, x: image });
  expect(upgradeOpset(newer)).toBe(newer);
});

test.each([
  [{ op: "BatchNormalization", opset: 7, x: image, constants: perChannel(), attributes: { spatial: 0 } }, "spatial"],
  [{ op: "BatchNormalization", opset: 9, x: image, constants: perChannel(), outputs: 5 }, "training outputs"],
  [{ op: "Dropout", opset: 10, x: image, outputs: 2 }, "mask"],
  [{ op: "Resize", opset: 10, x: image, constants: [float32([1, 1, 2, 0.5])] }, "all grow or all shrink"],
  [{ op: "Scan", opset: 8, x: image }, "later opset"],
] satisfies [Case, string][])("an old meaning without a new form is refused by name: $op", (each, words) => {
  expect(() => upgradeOpset(modelOf(each))).toThrow(
    expect.objectContaining({ code: "UNSUPPORTED_OPERATOR", message: expect.stringContaining(words) }),
  );
});

function titleOf({ op, opset, attributes = {}, constants = [], name = "" }: Case): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => `${key} ${JSON.stringify(attributeOf(value).value)}`,
  );
  return [`${op}-${opset}`, ...written, ...constants.map((each) => `[${each?.shape ?? ""}]`), name].join(" ");
}

function modelOf({ op, opset, x, constants = [], attributes = {}, outputs = 1, isDynamic = false }: Case): Model {
  const names = constants.map((each, index) => (each ? `c${index}` : ""));
  const made = ["y", "y1", "y2", "y3", "y4"].slice(0, outputs);
  const shape = isDynamic ? x.shape.map((_, axis) => `d${axis}`) : x.shape;
  const initializers = Object.fromEntries(constants.flatMap((each, index) => (each ? [[`c${index}`, each]] : [])));
  return model(opset, [node(op, ["x", ...names], made, attributes)], { x: [x.dtype, shape] }, made, initializers);
}

function model(
  opset: number,
  nodes: readonly Node[],
  inputs: Readonly<Record<string, readonly [ElementType, readonly Dimension[]]>>,
  outputs: readonly string[],
  constants: Readonly<Record<string, AnyTensor>>,
): Model {
  return {
    irVersion: 4,
    opsets: new Map([["", opset]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "upgrade",
      nodes,
      inputs: Object.entries(inputs).map(([name, [dtype, shape]]) => ({ name, dtype, shape, kind: "tensor" })),
      outputs: outputs.map((name) => ({ name, dtype: "undefined", shape: undefined, kind: "tensor" })),
      initializers: new Map(Object.entries(constants).map(([name, value]) => [name, tensorInitializer(name, value)])),
    },
  };
}

function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeLike>> = {},
): Node {
  const entries = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]);
  return { name: op, op, domain: "", inputs, outputs, attributes: Object.fromEntries(entries) };
}

function int64(values: readonly number[]): AnyTensor {
  return { dtype: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function float32(values: readonly number[]): AnyTensor {
  return { dtype: "float32", shape: [values.length], data: Float32Array.from(values) };
}

function positive(x: { readonly shape: Shape; readonly data: Storage["float32"] }): AnyTensor {
  return { dtype: "float32", shape: x.shape, data: x.data.map((value) => Math.abs(value) + 0.01) };
}

/** Scale, bias, mean and variance of three channels. */
function perChannel(): readonly AnyTensor[] {
  return [wave([3], 1), wave([3], 2), wave([3], 3), positive(wave([3], 4))];
}

/** W, R and B of a recurrent layer of input size 3 and hidden size 2 with so many gates. */
function recurrent(gates: number): readonly AnyTensor[] {
  return [wave([1, gates * 2, 3], 1), wave([1, gates * 2, 2], 2), wave([1, gates * 4], 3)];
}
