import { type AnyTensor, float16ToFloat32, float32ToFloat16 } from "@casemate/tensor";
import { expect, test } from "vitest";
import { type AttributeLike, float } from "../../src/graph-builder.ts";
import { gradientAt, modelWith, node } from "./gradient-at.ts";
import { expectClose, floats, int64, uniform } from "./harness.ts";

const x = uniform([3, 4], { kinks: [0] });
const b = uniform([4], { seed: 5, low: 0.5, high: 2 });

/** Operators whose first input is differentiated; the others are initializers. */
const cases: readonly (readonly [
  op: string,
  others: readonly AnyTensor[],
  attributes?: Record<string, AttributeLike>,
])[] = [
  ["Add", [b]],
  ["Mul", [b]],
  ["Div", [b]],
  ["Pow", [floats([], [2])]],
  ["Max", [b]],
  ["Sigmoid", []],
  ["Tanh", []],
  ["Relu", []],
  ["LeakyRelu", [], { alpha: float(0.25) }],
  ["Elu", []],
  ["HardSigmoid", []],
  ["Clip", [floats([], [-1]), floats([], [1])]],
  ["Gelu", []],
  ["Erf", []],
  ["Exp", []],
  ["Abs", []],
  ["ReduceMean", [int64([1])]],
  ["ReduceMax", [int64([1])]],
  ["ReduceL2", [int64([1])]],
  ["Softmax", []],
  ["LogSoftmax", []],
  ["MatMul", [uniform([4, 2])]],
  ["Gemm", [uniform([4, 2])]],
  ["Reshape", [int64([2, 6])]],
  ["Transpose", []],
  ["Slice", [int64([1]), int64([3]), int64([1])]],
  ["Pad", [int64([0, 1, 0, 1])]],
  ["Gather", [int64([3, 0, 3])], { axis: 1 }],
  ["Tile", [int64([1, 2])]],
  ["CumSum", [int64([1], [])]],
];

for (const [op, others, attributes] of cases) {
  test(`${op} in float16 has the gradient that it has in float32`, () => compareWithFloat32(op, others, attributes));
}

async function compareWithFloat32(
  op: string,
  others: readonly AnyTensor[],
  attributes?: Record<string, AttributeLike>,
): Promise<void> {
  const gradients = [];
  for (const dtype of ["float32", "float16"] as const) {
    const inputs = { x: stored(x, dtype) };
    const initializers = Object.fromEntries(others.map((other, index) => [`other${index}`, stored(other, dtype)]));
    const model = modelWith(
      [node(op, ["x", ...Object.keys(initializers)], ["z"], attributes), node("Mul", ["z", "z"], ["y"])],
      inputs,
      initializers,
    );
    const outputs = model.graph.outputs.map((output) => ({ ...output, dtype }));
    gradients.push(await gradientAt({ ...model, graph: { ...model.graph, outputs } }, inputs, ["x"]));
  }
  const [[single], [half]] = gradients as [number[][], number[][]];
  const widened = Array.from(float16ToFloat32(Uint16Array.from(half!)));
  expect(single!.some((each) => each !== 0)).toBe(true);
  expectClose(widened, single!, 1e-2, `gradient of ${op}`);
}

/** The same numbers, rounded to float16, in either element type. */
function stored(tensor: AnyTensor, dtype: "float32" | "float16"): AnyTensor {
  if (tensor.dtype !== "float32") {
    return tensor;
  }
  const bits = float32ToFloat16(tensor.data);
  const { shape } = tensor;
  return dtype === "float16" ? { dtype, shape, data: bits } : { dtype, shape, data: float16ToFloat32(bits) };
}
