import { OnnxError } from "../errors.ts";
import type { Value } from "../value.ts";
import { everyAxis, extentLess, listOf } from "./axes.ts";
import { numberAt } from "./constants.ts";
import { describe, type Gradient } from "./gradient.ts";

// What only gives another shape to the same numbers (Flatten, Squeeze and Unsqueeze too) gives the gradient the old one.
export const Reshape: Gradient = ({ graph, dy, inputs: [x] }) => [graph.reshapeLike(dy, x)];

export const Identity: Gradient = ({ dy }) => [dy];

export const Cast: Gradient = ({ graph, dy, inputs: [x] }) => [isFloat(x) ? graph.Cast(dy, x.dtype) : undefined];

export const Transpose: Gradient = ({ graph, dy, inputs: [x], ints }) => {
  const perm = ints("perm") ?? everyAxis(x).reverse();
  return [
    graph.Transpose(
      dy,
      everyAxis(x).map((axis) => perm.indexOf(axis)),
    ),
  ];
};

export const Expand: Gradient = ({ graph, dy, inputs: [x], outputs: [y] }) => [graph.sumTo(dy, y, x)];

// Each repeated axis of dy is split in [repeats, extent] and summed over the repeats.
export const Tile: Gradient = ({ graph, dy, inputs: [x, repeats], constant }) => {
  const known = constant(repeats);
  const parts: (number | Value)[] = [];
  const summed: number[] = [];
  for (const axis of everyAxis(x)) {
    if (Number(known?.data[axis]) !== 1) {
      summed.push(parts.length);
      parts.push(known ? Number(known.data[axis]) : graph.Slice(repeats, [axis], [axis + 1], [0]));
    }
    parts.push(extentLess(graph, x, axis, 0));
  }
  return [summed.length === 0 ? dy : graph.ReduceSum(graph.Reshape(dy, listOf(graph, parts)), summed, 0)];
};

// y = x mask / (1 − ratio) in training mode, else y = x
export const Dropout: Gradient = ({
  graph,
  node,
  dy,
  inputs: [, ratio, training],
  outputs: [, mask],
  has,
  constant,
}) => {
  const mode = has(2) ? constant(training) : undefined;
  if (!has(2) || mode?.data[0] === 0) {
    return [dy];
  }
  const share = has(1) ? constant(ratio) : undefined;
  if (!mask || !mode || (has(1) && !share)) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected inference, or training with a constant ratio and the mask as an output, got neither`,
    );
  }
  const scale = graph.scalar(1 / (1 - (share ? numberAt(share) : 0.5)), dy);
  return [graph.Mul(dy, graph.Mul(graph.Cast(mask, dy.dtype), scale))];
};

// Keeps the same triangle of dy.
export const Trilu: Gradient = ({ graph, dy, inputs: [, k], has, int }) => [
  graph.op("Trilu", [dy, has(1) ? k : undefined], { attributes: { upper: int("upper", 1) } }),
];

// Reversing twice gives the order back.
export const ReverseSequence: Gradient = ({ graph, dy, inputs: [, lengths], int }) => [
  graph.op("ReverseSequence", [dy, lengths], {
    attributes: { batch_axis: int("batch_axis", 1), time_axis: int("time_axis", 0) },
  }),
];

export const CumSum: Gradient = ({ graph, dy, inputs: [, axis], int }) => [
  graph.op("CumSum", [dy, axis], { attributes: { exclusive: int("exclusive", 0), reverse: 1 - int("reverse", 0) } }),
];

function isFloat(value: Value): boolean {
  return value.dtype.startsWith("float") || value.dtype === "bfloat16";
}
