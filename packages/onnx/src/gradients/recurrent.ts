import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import { type GateActivation, gateActivations } from "./gate-activation.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";

/** One direction of a recurrent node. T steps, B samples, I inputs, H hidden units, k gates. */
export interface Direction {
  readonly graph: GraphBuilder;
  /** [T, B, I] */
  readonly x: Value;
  /** [k H, I] */
  readonly weight: Value;
  /** [k H, H] */
  readonly recurrence: Value;
  /** [k H] each. */
  readonly biases: readonly [Value, Value] | undefined;
  readonly hidden: number;
  /** The hidden state before each step [T, B, H]. */
  readonly before: Value;
  /** [B, H] */
  readonly initialCell: Value;
  /** [3 H] */
  readonly peepholes: Value | undefined;
  /** Gradient of each hidden state by way of the output [T, B, H], of the last one, and of the last cell [B, H]. */
  readonly dHidden: Value;
  readonly dLast: Value;
  readonly dLastCell: Value;
  /** Whether the node walks the steps from the last to the first. */
  readonly isReverse: boolean;
  readonly activations: readonly GateActivation[];
  /** What stood before each step, given what stood after it [T, …] and before all of them. */
  shift(after: Value, initial: Value): Value;
}

/** What a cell's rule returns; `dGates` is the gradient of x Wᵀ + bias [T, B, k H]. */
export interface DirectionGradient {
  readonly dGates: Value;
  /** Gradients [T, B, n H] of what rows of the recurrence multiply, with what they multiply [T, B, H], in order. */
  readonly recurrent: readonly { readonly gradient: Value; readonly state: Value }[];
  readonly dInitial: Value;
  readonly dInitialCell?: Value;
  readonly dPeepholes?: Value;
}

/** The rule of a recurrent operator, from that of one direction of its cell and its default activations. */
export function recurrent(
  activations: readonly string[],
  cell: (direction: Direction, site: Site) => DirectionGradient,
): Gradient {
  return (site) => {
    const { graph, inputs, wants, has } = site;
    refuse(site);
    const directions = directionsOf(site, activations);
    const gradients = directions.map((direction) => cell(direction, site));
    const stack = (make: (gradient: DirectionGradient, direction: Direction) => Value) => {
      const parts = gradients.map((gradient, index) => graph.Unsqueeze(make(gradient, directions[index]!), [0]));
      return parts.length === 1 ? parts[0]! : graph.Concat(parts, 0);
    };
    const dWeight = ({ dGates }: DirectionGradient, { x }: Direction) => product(graph, dGates, x);
    const dRecurrence = ({ recurrent }: DirectionGradient) =>
      join(
        graph,
        recurrent.map(({ gradient, state }) => product(graph, gradient, state)),
      );
    const dBias = ({ dGates, recurrent }: DirectionGradient) =>
      join(
        graph,
        [dGates, ...recurrent.map(({ gradient }) => gradient)].map((each) => graph.ReduceSum(each, [0, 1], 0)),
      );
    return [
      wants(0)
        ? graph.Sum(...gradients.map(({ dGates }, index) => graph.MatMul(dGates, directions[index]!.weight)))
        : undefined,
      wants(1) ? stack(dWeight) : undefined,
      wants(2) ? stack(dRecurrence) : undefined,
      has(3) && wants(3) ? stack(dBias) : undefined,
      undefined,
      has(5) && wants(5) ? stack(({ dInitial }) => dInitial) : undefined,
      has(6) && wants(6) ? stack(({ dInitialCell, dInitial }) => dInitialCell ?? dInitial) : undefined,
      has(7) && wants(7) ? stack(({ dPeepholes, dInitial }) => dPeepholes ?? dInitial) : undefined,
    ].slice(0, inputs.length);
  };
}

/** x Wᵀ + H Rᵀ + biases, for the rows of `weight` and `recurrence` given. */
export function gatesOf(
  { graph, x, before }: Direction,
  weight: Value,
  recurrence: Value,
  biases: readonly Value[],
): Value {
  const products = [
    graph.MatMul(x, graph.Transpose(weight, [1, 0])),
    graph.MatMul(before, graph.Transpose(recurrence, [1, 0])),
  ];
  return [...products, ...biases].reduce((sum, each) => graph.Add(sum, each));
}

/** Cuts the last or another axis in equal parts. */
export function parts(graph: GraphBuilder, value: Value, count: number, axis: number): Value[] {
  return count === 1 ? [value] : graph.ops("Split", [value], count, { attributes: { axis, num_outputs: count } });
}

function directionsOf(site: Site, activations: readonly string[]): readonly Direction[] {
  const { graph, node, inputs, outputs, dys, has, string } = site;
  const [x, weights, recurrences, biases] = inputs as [Value, Value, Value, Value];
  const count = string("direction", "forward") === "bidirectional" ? 2 : 1;
  const hidden = Number(recurrences.shape![2]);
  const states = outputs[0] ?? graph.ops(node.op, inputs, 1, { attributes: node.attributes })[0]!;
  return Array.from({ length: count }, (_, index): Direction => {
    const pick = (value: Value, axis: number): Value =>
      count === 1 ? graph.Squeeze(value, [axis]) : graph.Gather(value, graph.int(index), axis);
    const zeros = (): Value => graph.Expand(graph.scalar(0, x), listOf(graph, [extent(graph, x, 1), hidden]));
    const isReverse = string("direction", "forward") === "reverse" || index === 1;
    const shift = (after: Value, initial: Value): Value => {
      const first = graph.Unsqueeze(initial, [0]);
      return isReverse
        ? graph.Concat([graph.Slice(after, [1], [Number.MAX_SAFE_INTEGER], [0]), first], 0)
        : graph.Concat([first, graph.Slice(after, [0], [-1], [0])], 0);
    };
    const after = pick(states, 1);
    const initial = has(5) ? pick(inputs[5]!, 0) : zeros();
    const both = has(3) ? (parts(graph, pick(biases, 0), 2, 0) as [Value, Value]) : undefined;
    return {
      graph,
      x,
      weight: pick(weights, 0),
      recurrence: pick(recurrences, 0),
      biases: both,
      hidden,
      before: shift(after, initial),
      initialCell: has(6) ? pick(inputs[6]!, 0) : zeros(),
      peepholes: has(7) ? pick(inputs[7]!, 0) : undefined,
      dHidden: dys[0] ? pick(dys[0], 1) : graph.filled({ ...after, shape: undefined }, 0),
      dLast: dys[1] ? pick(dys[1], 0) : zeros(),
      dLastCell: dys[2] ? pick(dys[2], 0) : zeros(),
      isReverse,
      activations: gateActivations(site, index, activations),
      shift,
    };
  });
}

function refuse({ node, inputs, has, int, constant }: Site): void {
  const lengths = has(4) ? constant(inputs[4]) : undefined;
  const steps = inputs[0]!.shape![0];
  const isWhole = !has(4) || (lengths && Array.from(lengths.data, Number).every((length) => length === steps));
  const reason = !isWhole
    ? "sequence_lens"
    : int("layout", 0) === 1
      ? "layout = 1, which the runtime cannot run"
      : int("input_forget", 0) === 1
        ? "input_forget"
        : node.attributes.clip
          ? "clip"
          : undefined;
  if (reason) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected whole sequences in layout 0 without clipping, got ${reason}`,
    );
  }
}

/** aᵀ b over all steps and samples: [T, B, m] and [T, B, n] to [m, n]. */
function product(graph: GraphBuilder, a: Value, b: Value): Value {
  const flat = (each: Value) =>
    graph.Reshape(
      each,
      graph.Concat([graph.ints([-1]), graph.Slice(graph.shapeOf({ ...each, shape: undefined }), [2], [3], [0])], 0),
    );
  return graph.op("Gemm", [flat(a), flat(b)], { attributes: { transA: 1 } });
}

function join(graph: GraphBuilder, values: readonly Value[]): Value {
  return values.length === 1 ? values[0]! : graph.Concat(values, 0);
}
