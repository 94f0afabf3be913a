import { checkRules, floats, int64, type RuleCheck, uniform } from "./harness.ts";

const reductions = [
  "ReduceL2",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceSum",
  "ReduceSumSquare",
];
const shape = [4, 3, 5];
const x = uniform(shape, { seed: 9 });
const awayFromZero = uniform(shape, { seed: 9, kinks: [0] });
const positive = uniform(shape, { low: 0.5, high: 2 });

/** Every way to name axes; absent, all or none. */
const ways: readonly (readonly [axes: number[] | undefined, attributes?: Record<string, number>])[] = [
  [undefined],
  [undefined, { keepdims: 0 }],
  [[]],
  [[1]],
  [[-1], { keepdims: 0 }],
  [[0, 2], { keepdims: 0 }],
  [[-2, 0]],
  [[0]],
  [[], { noop_with_empty_axes: 1 }],
  [undefined, { noop_with_empty_axes: 1, keepdims: 0 }],
];

checkRules(
  ways.flatMap(([axes, attributes]): RuleCheck[] => {
    const rest = { attributes, free: [[0]], name: axes ? `axes [${axes}]` : "no axes" };
    const named = axes && int64(axes);
    return [
      ...reductions.map((op) => ({ op, inputs: [x, named], ...rest })),
      { op: "ReduceL1", inputs: [awayFromZero, named], ...rest },
      { op: "ReduceLogSum", inputs: [positive, named], ...rest },
      { op: "ReduceProd", inputs: [positive, named], ...rest },
    ];
  }),
);

checkRules([
  ...[...reductions, "ReduceProd"].map((op) => ({
    op,
    inputs: [uniform([5]), int64([0])],
    attributes: { keepdims: 0 },
    free: [[0]],
  })),
  { op: "ReduceMean", inputs: [uniform([4, 3, 7]), int64([1, 2])], free: [[0, 2]], name: "free axis reduced" },
  { op: "ReduceProd", inputs: [floats([3, 3], [2, 0, 3, 0, 4, 0, 5, 6, 7]), int64([1])], name: "zeros" },
  { op: "ReduceProd", inputs: [floats([4], [2, -3, 0, 5])], name: "one zero" },
]);

checkRules(
  [0, 1].flatMap((exclusive) =>
    [0, 1].flatMap((reverse) =>
      [0, -1].map((axis) => ({
        op: "CumSum",
        inputs: [uniform([4, 3]), int64([axis], [])],
        attributes: { exclusive, reverse },
        free: [[0]],
        name: `axis ${axis}`,
      })),
    ),
  ),
);
