import { elementTypeNumber } from "../../src/element-type.ts";
import { bools, checkRules, floats, int64, type RuleCheck, uniform } from "./harness.ts";

const x = uniform([4, 3, 6]);
const free = [[0]];

checkRules([
  { op: "Reshape", inputs: [x, int64([4, 18])] },
  { op: "Reshape", inputs: [x, int64([0, -1])], free },
  { op: "Reshape", inputs: [x, int64([-1, 6, 3])], free },
  { op: "Reshape", inputs: [x, int64([0, 2, 9])], free },
  { op: "Reshape", inputs: [x, int64([-1])], free: [[0, 2]] },
  { op: "Reshape", inputs: [uniform([4, 3]), int64([-1, 3])], attributes: { allowzero: 1 }, free },
  { op: "Flatten", inputs: [x], free },
  { op: "Flatten", inputs: [x], attributes: { axis: 0 }, free },
  { op: "Flatten", inputs: [x], attributes: { axis: -1 }, free: [[0, 1]] },
  { op: "Flatten", inputs: [x], attributes: { axis: 3 } },
  { op: "Squeeze", inputs: [uniform([4, 1, 3, 1])] },
  { op: "Squeeze", inputs: [uniform([4, 1, 3, 1]), int64([-1])], free },
  { op: "Squeeze", inputs: [uniform([4, 1, 3, 1]), int64([1, 3])], free: [[0, 2]] },
  { op: "Unsqueeze", inputs: [uniform([4, 3]), int64([1])], free },
  { op: "Unsqueeze", inputs: [uniform([4, 3]), int64([0, -1])], free: [[0, 1]] },
  { op: "Identity", inputs: [x], free },
  { op: "Transpose", inputs: [x], free },
  { op: "Transpose", inputs: [x], attributes: { perm: [2, 0, 1] }, free: [[0, 1]] },
  { op: "Transpose", inputs: [uniform([4, 2, 3, 5])], attributes: { perm: [0, 2, 3, 1] }, free },
  { op: "Expand", inputs: [uniform([3, 1]), int64([2, 1, 6])] },
  { op: "Expand", inputs: [uniform([4, 1, 3]), int64([1, 5, 1])], free },
  { op: "Expand", inputs: [uniform([]), int64([2, 3])] },
  { op: "Expand", inputs: [uniform([1, 3]), int64([3])] },
  { op: "Tile", inputs: [uniform([4, 3]), int64([1, 2])], free },
  { op: "Tile", inputs: [uniform([4, 3]), int64([3, 1])], free: [[0, 1]] },
  { op: "Tile", inputs: [uniform([2, 3]), int64([2, 3])] },
  { op: "Tile", inputs: [uniform([2, 3]), int64([1, 1])], free },
  { op: "Trilu", inputs: [uniform([4, 3, 5])], free },
  { op: "Trilu", inputs: [uniform([4, 3, 5]), int64([1], [])], free },
  { op: "Trilu", inputs: [uniform([4, 5, 3]), int64([-1], [])], attributes: { upper: 0 }, free },
  {
    op: "ReverseSequence",
    inputs: [uniform([4, 5, 2]), int64([4, 2, 1, 3, 4])],
    attributes: { time_axis: 0, batch_axis: 1 },
  },
  { op: "ReverseSequence", inputs: [uniform([3, 4]), int64([4, 2, 1])], attributes: { time_axis: 1, batch_axis: 0 } },
]);

checkRules([
  { op: "Cast", inputs: [x], attributes: { to: elementTypeNumber.float32 }, free, step: 1e-2, reference: ([x]) => x! },
  { op: "Cast", inputs: [x], attributes: { to: elementTypeNumber.float64 }, free },
  { op: "Cast", inputs: [x], attributes: { to: elementTypeNumber.int32 }, free, name: "rounds, so no gradient" },
  { op: "CastLike", inputs: [x, floats([1], [0])], constants: [1], free },
  { op: "CastLike", inputs: [x, int64([0])], free, name: "rounds, so no gradient" },
  { op: "Dropout", inputs: [x], free },
  { op: "Dropout", inputs: [x, floats([], [0.3])], constants: [1], free },
  { op: "Dropout", inputs: [x, floats([], [0.3]), bools([0], [])], constants: [1], free },
]);

const concat = (axis: number, shapes: number[][], freeAxes: number[][], wrt?: number[]): RuleCheck => ({
  op: "Concat",
  inputs: shapes.map((shape, index) => uniform(shape, { seed: index + 1 })),
  attributes: { axis },
  free: freeAxes,
  wrt,
});

checkRules([
  concat(0, [[3], [2]], []),
  concat(
    1,
    [
      [4, 3],
      [4, 1],
      [4, 2],
    ],
    [[0], [0], [0]],
  ),
  concat(
    -1,
    [
      [4, 3],
      [4, 2],
    ],
    [[0], [0]],
    [1],
  ),
  concat(
    1,
    [
      [4, 3],
      [4, 5],
    ],
    [
      [0, 1],
      [0, 1],
    ],
  ),
  concat(0, [[4, 3]], [[0]]),
]);

checkRules([
  { op: "Split", inputs: [uniform([4, 6])], outputs: 3, attributes: { axis: 1, num_outputs: 3 }, free },
  { op: "Split", inputs: [uniform([4, 7])], outputs: 3, attributes: { axis: -1, num_outputs: 3 }, free },
  { op: "Split", inputs: [uniform([4, 6]), int64([1, 5])], outputs: 2, attributes: { axis: 1 }, free },
  { op: "Split", inputs: [uniform([4, 6]), int64([1, 2, 3])], outputs: 3, through: [1], attributes: { axis: 1 }, free },
  { op: "Split", inputs: [uniform([5]), int64([2, 3])], outputs: 2 },
]);

const end = 2n ** 63n - 1n;
const start = -(2n ** 63n);
const slice = (
  shape: number[],
  [starts, ends, axes, steps]: (readonly (number | bigint)[])[],
  freeAxes: number[] = [0],
): RuleCheck => ({
  op: "Slice",
  inputs: [uniform(shape), int64(starts!), int64(ends!), axes && int64(axes), steps && int64(steps)],
  free: [freeAxes],
  name: `[${starts}] to [${ends}] along [${axes ?? ""}] by [${steps ?? ""}]`,
});

checkRules([
  slice([6], [[1], [4]], []),
  slice(
    [4, 6],
    [
      [0, 2],
      [2, 5],
    ],
    [],
  ),
  slice([4, 6], [[2], [5], [1]]),
  slice([4, 6], [[-3], [end], [1]]),
  slice([4, 6], [[-1], [end], [-1]]),
  slice([4, 6], [[0], [-1], [1]]),
  slice([4, 6], [[-100], [100], [1]]),
  slice([4, 6], [[0], [end], [1], [2]]),
  slice([4, 7], [[1], [end], [1], [3]]),
  slice([4, 7], [[1], [6], [1], [3]]),
  slice([4, 6], [[end], [start], [1], [-1]]),
  slice([4, 6], [[4], [0], [1], [-2]]),
  slice([4, 7], [[-2], [-6], [1], [-3]]),
  slice(
    [6, 7, 3],
    [
      [4, 1],
      [0, 6],
      [0, 1],
      [-2, 3],
    ],
    [2],
  ),
  slice([5, 6], [[1], [end], [0]]),
  slice([5, 6], [[1], [-1], [0]]),
  slice([5, 6], [[0], [2], [0]]),
  slice([5, 6], [[-2], [-1], [0]]),
  slice([5, 6], [[-2], [end], [0], [1]]),
  slice([4, 6], [[0], [end], [1], [2]], [0, 1]),
  slice([5, 6], [[end], [start], [0], [-1]]),
  slice([4, 6], [[-1], [0], [1], [-2]], [0, 1]),
  slice([4, 9], [[1], [-1], [1], [3]], [1]),
  slice(
    [4, 6],
    [
      [0, 1],
      [1, 3],
      [0, 1],
      [1, 1],
    ],
    [0, 1],
  ),
]);
