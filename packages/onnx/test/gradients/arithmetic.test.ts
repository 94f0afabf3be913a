import { bools, checkRules, floats, int64, type RuleCheck, uniform } from "./harness.ts";

/** Pairs of shapes that broadcast, with the axes that are free. */
const pairs: readonly (readonly [a: number[], b: number[], free?: number[][]])[] = [
  [[5], [5], [[0], [0]]],
  [
    [4, 3],
    [4, 3],
    [[0], [0]],
  ],
  [[4, 3], [3], [[0], []]],
  [[3], [4, 3], [[], [0]]],
  [[4, 3, 2], [], [[0], []]],
  [
    [4, 1, 2],
    [3, 1],
    [[0], []],
  ],
  [
    [1, 3, 1],
    [4, 1, 2],
    [[], [0]],
  ],
];
const awayFromZero = { low: 0.4, high: 2.5 };
const first = (shape: number[], domain = {}) => uniform(shape, { ...domain, seed: 7 });
const second = (shape: number[], domain = {}) => uniform(shape, { ...domain, seed: 8 });

checkRules(
  pairs.flatMap(([a, b, free]): RuleCheck[] => [
    { op: "Add", inputs: [first(a), second(b)], free },
    { op: "Sub", inputs: [first(a), second(b)], free },
    { op: "Mul", inputs: [first(a), second(b)], free },
    { op: "Div", inputs: [first(a), second(b, awayFromZero)], free },
    { op: "Pow", inputs: [first(a, awayFromZero), second(b)], free },
    { op: "Max", inputs: [first(a), second(b)], free },
    { op: "Min", inputs: [first(a), second(b)], free },
    {
      op: "Mod",
      inputs: [first(a, { low: 0.1, high: 0.9 }), second(b, { low: 1, high: 2 })],
      attributes: { fmod: 1 },
      free,
    },
    { op: "Sum", inputs: [first(a), second(b)], free },
  ]),
);

checkRules([
  { op: "Mul", inputs: [first([4, 3]), second([3])], wrt: [1], free: [[0], []] },
  { op: "Sub", inputs: [first([4, 3]), second([3])], wrt: [1], free: [[0], []] },
  { op: "Div", inputs: [first([3]), second([4, 3], { low: -2, high: -0.5 })], wrt: [1], free: [[], [0]] },
  {
    op: "Mod",
    inputs: [floats([6], [7.3, -7.3, 5.2, -5.2, 0.4, -0.4]), floats([6], [2, 2, -1.5, -1.5, 1, 3])],
    attributes: { fmod: 1 },
  },
]);

const scalar = (exponent: number) => floats([], [exponent]);
checkRules([
  ...[0, 1, 2, 3, 4].map(
    (exponent): RuleCheck => ({ op: "Pow", inputs: [first([4, 3]), scalar(exponent)], constants: [1], free: [[0]] }),
  ),
  ...[0.5, -1, -0.5, 2.5].map(
    (exponent): RuleCheck => ({
      op: "Pow",
      inputs: [first([4, 3], awayFromZero), scalar(exponent)],
      constants: [1],
      free: [[0]],
    }),
  ),
  { op: "Pow", inputs: [floats([4], [0, 1, -2, 3]), floats([4], [2, 3, 2, 3])], wrt: [0], name: "base 0" },
  {
    op: "Pow",
    inputs: [floats([4], [0, 1, -2, 3]), floats([4], [2, 0, 0, 1])],
    wrt: [0],
    constants: [1],
    name: "exponent 0",
  },
  { op: "Pow", inputs: [floats([3], [0, 1, 2]), floats([3], [2, 3, 1.5])], wrt: [1], name: "base 0 to the exponent" },
  { op: "Pow", inputs: [first([4, 3]), int64([2])], free: [[0]], name: "exponent of integers" },
  { op: "Pow", inputs: [first([4, 3]), int64([1, 2, 3])], free: [[0]], name: "exponents of integers" },
]);

checkRules([
  { op: "Sum", inputs: [first([4, 3])], free: [[0]] },
  { op: "Sum", inputs: [first([4, 3]), second([3]), uniform([4, 1])], free: [[0], [], [0]] },
  { op: "Max", inputs: [first([4, 3])], free: [[0]] },
  { op: "Max", inputs: [first([4, 3]), second([3]), uniform([4, 1])], free: [[0], [], [0]] },
  { op: "Max", inputs: [first([4, 3]), scalar(0)], constants: [1], free: [[0]] },
  { op: "Min", inputs: [first([4, 3]), second([3]), uniform([4, 1])], free: [[0], [], [0]] },
]);

checkRules(
  [[first([5])], [first([4, 3]), second([4, 3])]].map((inputs) => ({
    op: "Mean",
    inputs,
    free: inputs.map(() => [0]),
    reference: (values) =>
      values[0]!.map((_, index) => values.reduce((sum, each) => sum + each[index]!, 0) / values.length),
  })),
);

checkRules([
  { op: "Where", inputs: [bools([1, 0, 1, 0, 0]), first([5]), second([5])] },
  { op: "Where", inputs: [bools([1, 0, 1]), first([4, 3]), second([])], free: [[], [0], []] },
  { op: "Where", inputs: [bools([1, 0], [2, 1, 1]), first([1, 3, 1]), second([4])] },
  { op: "Where", inputs: [bools([1, 0, 1]), first([3]), second([4, 3])], wrt: [2], free: [[], [], [0]] },
]);
