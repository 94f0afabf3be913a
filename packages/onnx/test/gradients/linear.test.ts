import { test } from "vitest";
import { bools, checkLinear, floats, int64, type RuleCheck, uniform } from "./harness.ts";

const x = uniform([8, 6, 10]);
const image = uniform([4, 6, 20, 20], { seed: 2 });

/** Linear operators at sizes that central differences would be slow for. */
const linear: readonly RuleCheck[] = [
  { op: "Neg", inputs: [x] },
  { op: "Mul", inputs: [x, uniform([6, 1])], constants: [1] },
  { op: "Where", inputs: [bools([1, 0, 0, 1, 1, 0], [6, 1]), x, floats([], [0])], constants: [2], wrt: [1] },
  { op: "ReduceSum", inputs: [image, int64([1, 3])], attributes: { keepdims: 0 } },
  { op: "ReduceMean", inputs: [image, int64([2, 3])] },
  { op: "CumSum", inputs: [x, int64([1], [])] },
  { op: "Reshape", inputs: [x, int64([0, -1])] },
  { op: "Transpose", inputs: [image], attributes: { perm: [0, 2, 3, 1] } },
  { op: "Expand", inputs: [uniform([8, 1, 10]), int64([8, 6, 10])] },
  { op: "Tile", inputs: [x, int64([1, 3, 2])] },
  { op: "Trilu", inputs: [x] },
  { op: "Concat", inputs: [x], attributes: { axis: 1 } },
  { op: "Slice", inputs: [image, int64([1, -1]), int64([15, -18]), int64([2, 3]), int64([2, -3])] },
  { op: "Pad", inputs: [image, int64([0, 0, 3, 1, 0, 0, 2, 4])] },
  { op: "Pad", inputs: [image, int64([0, 0, 3, 1, 0, 0, 2, 4])], attributes: { mode: "reflect" } },
  { op: "Pad", inputs: [image, int64([0, 0, 3, 1, 0, 0, 2, 4])], attributes: { mode: "edge" } },
  { op: "Gather", inputs: [x, int64([3, 5, 0, 3, 1, 1, 3])], attributes: { axis: 1 } },
  { op: "GatherElements", inputs: [uniform([6, 10]), places(40)] },
  { op: "MatMul", inputs: [x, uniform([10, 12])], constants: [1] },
  { op: "MatMul", inputs: [uniform([3, 1, 5, 6]), uniform([4, 6, 7])], constants: [1] },
  { op: "Gemm", inputs: [uniform([8, 20]), uniform([30, 20])], attributes: { transB: 1 }, constants: [1] },
  { op: "Einsum", inputs: [x, uniform([12, 10])], attributes: { equation: "bic,dc->bid" }, constants: [1] },
  // adding into zeros is linear in the updates
  {
    op: "ScatterElements",
    inputs: [floats([6, 10], Array(60).fill(0)), places(20), uniform([2, 10])],
    attributes: { reduction: "add" },
    constants: [0],
    wrt: [2],
  },
];

for (const check of linear) {
  test(`<A x, y> = <x, A* y>: ${check.op} ${check.inputs.map((input) => `[${input?.shape}]`).join(" ")} ${JSON.stringify(check.attributes ?? {})}`, () =>
    checkLinear(check));
}

/** Rows below 6, ten in a line. */
function places(count: number) {
  return int64(
    Array.from({ length: count }, (_, index) => (index * 7) % 6),
    [count / 10, 10],
  );
}
