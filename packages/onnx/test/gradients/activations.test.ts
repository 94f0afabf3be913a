import { type AttributeLike, float } from "../../src/graph-builder.ts";
import { erf } from "./erf.ts";
import { checkRules, floats, type RuleCheck, uniform } from "./harness.ts";

const shapes = [[7], [4, 3, 5]];

interface Activation {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly kinks?: readonly number[];
  readonly opset?: RuleCheck["opset"];
  readonly forward: (x: number) => number;
}

const softplus = (x: number): number => Math.log1p(Math.exp(x));
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const elu = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x));

const activations: readonly Activation[] = [
  { op: "Relu", kinks: [0], forward: (x) => Math.max(x, 0) },
  { op: "LeakyRelu", kinks: [0], forward: (x) => (x > 0 ? x : 0.01 * x) },
  {
    op: "LeakyRelu",
    attributes: { alpha: float(0.3) },
    kinks: [0],
    forward: (x) => (x > 0 ? x : Math.fround(0.3) * x),
  },
  { op: "LeakyRelu", attributes: { alpha: float(1.5) }, kinks: [0], forward: (x) => (x > 0 ? x : 1.5 * x) },
  { op: "LeakyRelu", attributes: { alpha: float(-0.5) }, kinks: [0], forward: (x) => (x > 0 ? x : -0.5 * x) },
  { op: "ThresholdedRelu", kinks: [1], forward: (x) => (x > 1 ? x : 0) },
  { op: "ThresholdedRelu", attributes: { alpha: float(0.25) }, kinks: [0.25], forward: (x) => (x > 0.25 ? x : 0) },
  { op: "Elu", kinks: [0], forward: (x) => elu(x, 1) },
  { op: "Elu", attributes: { alpha: float(0.5) }, kinks: [0], forward: (x) => elu(x, 0.5) },
  { op: "Selu", kinks: [0], forward: (x) => 1.0507009873554805 * elu(x, 1.6732632423543772) },
  {
    op: "Selu",
    attributes: { alpha: float(1.5), gamma: float(2) },
    kinks: [0],
    forward: (x) => 2 * elu(x, 1.5),
  },
  { op: "Celu", kinks: [0], forward: (x) => elu(x, 1) },
  { op: "Celu", attributes: { alpha: float(0.5) }, kinks: [0], forward: (x) => elu(x / 0.5, 1) * 0.5 },
  { op: "HardSigmoid", kinks: [-2.5, 2.5], forward: (x) => clamp(0.2 * x + 0.5, 0, 1) },
  {
    op: "HardSigmoid",
    attributes: { alpha: float(0.5), beta: float(0.25) },
    kinks: [-0.5, 1.5],
    forward: (x) => clamp(0.5 * x + 0.25, 0, 1),
  },
  { op: "HardSwish", kinks: [-3, 3], forward: (x) => x * clamp(x / 6 + 0.5, 0, 1) },
  { op: "Softplus", forward: softplus },
  { op: "Softsign", forward: (x) => x / (1 + Math.abs(x)) },
  { op: "Mish", forward: (x) => x * Math.tanh(softplus(x)) },
  { op: "Gelu", opset: [20, 26], forward: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2 },
  {
    op: "Gelu",
    attributes: { approximate: "tanh" },
    opset: [20, 26],
    forward: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
  },
  { op: "Shrink", kinks: [-0.5, 0.5], forward: (x) => (Math.abs(x) > 0.5 ? x : 0) },
  {
    op: "Shrink",
    attributes: { lambd: float(1), bias: float(0.5) },
    kinks: [-1, 1],
    forward: (x) => (Math.abs(x) > 1 ? x - 0.5 * Math.sign(x) : 0),
  },
  { op: "Swish", opset: 24, forward: (x) => x * sigmoid(x) },
  { op: "Swish", attributes: { alpha: float(1.5) }, opset: 24, forward: (x) => x * sigmoid(1.5 * x) },
];

checkRules(
  shapes.flatMap((shape) =>
    activations.map(
      ({ op, attributes, opset, kinks, forward }): RuleCheck => ({
        op,
        attributes,
        opset,
        inputs: [uniform(shape, { low: -4, high: 4, kinks })],
        free: [[0]],
        reference: ([x]) => x!.map(forward),
      }),
    ),
  ),
);

checkRules(
  shapes.flatMap((shape): RuleCheck[] => [
    { op: "Sigmoid", inputs: [uniform(shape)], free: [[0]] },
    { op: "Tanh", inputs: [uniform(shape)], free: [[0]] },
    { op: "Relu", inputs: [uniform(shape, { kinks: [0] })], free: [[0]], name: "float64" },
  ]),
);

const point = (number: number) => floats([], [number]);
const relu6 = { low: -3, high: 9, kinks: [0, 6] };
const between = { low: -3, high: 3, kinks: [-1, 0, 1.5] };

checkRules(
  shapes.flatMap((shape): RuleCheck[] => [
    { op: "Clip", inputs: [uniform(shape, between)], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, between), point(-1), point(1.5)], constants: [1, 2], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, between), point(0), point(1.5)], constants: [1, 2], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, { ...relu6, seed: 2 }), point(0), point(6)], constants: [1, 2], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, between), point(-1)], constants: [1], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, between), undefined, point(1.5)], constants: [2], free: [[0]] },
    { op: "Clip", inputs: [uniform(shape, between), point(-1), point(3e30)], constants: [1, 2] },
    { op: "Clip", inputs: [uniform(shape, between), point(-1), point(1.5)], free: [[0]], name: "bounds wanted" },
    { op: "Clip", inputs: [uniform(shape, between), point(1.5), point(-1)], free: [[0]], name: "bounds crossed" },
    { op: "Clip", inputs: [uniform(shape, between), point(-1)], free: [[0]], name: "bound wanted" },
    { op: "Clip", inputs: [uniform(shape, between), undefined, point(1.5)], free: [[0]], name: "bound wanted" },
  ]),
);

const slopes = [[1], [5], [3, 1], [4, 3, 5]];
checkRules(
  slopes.map((slope) => ({
    op: "PRelu",
    inputs: [uniform([4, 3, 5], { kinks: [0] }), uniform(slope, { seed: 2 })],
    free: [[0], slope.length === 3 ? [0] : []],
    reference: ([x, s], [, [...shape]]) =>
      x!.map((each, index) => {
        const place = [Math.floor(index / 15), Math.floor(index / 5) % 3, index % 5].slice(3 - shape!.length);
        const at = place.reduce(
          (flat, position, axis) => flat * shape![axis]! + (shape![axis] === 1 ? 0 : position),
          0,
        );
        return each > 0 ? each : each * s![at]!;
      }),
  })),
);
