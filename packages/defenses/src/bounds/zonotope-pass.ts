import type { GraphBuilder, Node, Value } from "@casemate/onnx";
import type { Interval } from "./interval.ts";
import { centerOf, magnitudeOf, radiusOf } from "./interval.ts";
import { type Intervals, intervalPass } from "./interval-pass.ts";
import type { LinearOperator } from "./linear-operators.ts";
import type { Network } from "./network.ts";
import { type Rounding, roundingOf } from "./rounding.ts";

/**
 * What a value can be: its centre plus, for each noise symbol in [-1, 1], a multiple of the symbol. Symbols come in blocks, one
 * for the input and one for each activation, so that values that share some can be added.
 */
interface Zonotope {
  /** [batch, …] */
  readonly center: Value;
  /** [batch, symbols of the block, …] by block. */
  readonly blocks: ReadonlyMap<string, Value>;
  /** What rounding may have added: [batch, …]. */
  readonly slack: Value | undefined;
}

/**
 * The least that each row of `specification` [batch, rows, numbers of the output] can be of the output, and between what each of
 * its numbers lies, by zonotopes (DeepZ, Singh et al., 2018, "Fast and Effective Robustness Certification"): linear operators
 * act on them exactly; an activation takes two parallel lines, and a new symbol for each number.
 */
export function zonotopePass(
  graph: GraphBuilder,
  network: Network,
  {
    box,
    specification,
    rounding,
  }: { readonly box: Interval; readonly specification: Value; readonly rounding: Rounding },
): { readonly lower: Value; readonly interval: Interval } {
  const zonotopes = new Map<string, Zonotope>([[network.input.name, ofBox(graph, network, box)]]);
  const scalar = (number: number): Value => graph.scalar(number, network.input);
  for (const node of network.path) {
    const inputs = node.inputs.map((name) => (network.isOnPath(name) ? zonotopes.get(name) : undefined));
    const operator = network.operator(node);
    zonotopes.set(
      node.outputs[0]!,
      operator.type === "linear" ? throughLinear(node, operator, inputs) : throughActivation(node, inputs),
    );
  }
  const end = zonotopes.get(network.output.name)!;
  return { lower: leastOf(end), interval: intervalOf(end) };

  function throughLinear(node: Node, operator: LinearOperator, inputs: readonly (Zonotope | undefined)[]): Zonotope {
    const site = network.site(graph, node);
    const known = new Map(
      node.inputs.flatMap((name, index) => (inputs[index] ? [[name, intervalOf(inputs[index])]] : [])),
    );
    const pass: Intervals = intervalPass(graph, network, known as ReadonlyMap<string, Interval>, rounding);
    const center = pass.apply(
      node,
      inputs.map((each) => each?.center),
    );
    const names = new Set(inputs.flatMap((each) => [...(each?.blocks.keys() ?? [])]));
    const blocks = new Map<string, Value>();
    for (const name of names) {
      const parts = inputs.map((each, index) => {
        const block = each?.blocks.get(name);
        return block && asRows(block, network.value(node.inputs[index]!));
      });
      const like = inputs.flatMap((each) => each?.blocks.get(name) ?? [])[0]!;
      blocks.set(name, asBlock(operator.map(site, zerosFor(node, parts, like), false), like, site.outputs[0]!));
    }
    const slacks = inputs.map((each, index) => each && (each.slack ?? filled(node.inputs[index]!)));
    const carried = inputs.some((each) => each?.slack) ? operator.map(site, slacks, true) : undefined;
    const fan = rounding === "outward" ? operator.fan?.(site) : undefined;
    const lost = fan && graph.Mul(pass.magnitude(node), scalar(roundingOf(2 * fan.in)));
    const slack = carried && lost ? graph.Add(carried, lost) : (carried ?? lost);
    return { center, blocks, slack: slack && { ...slack, shape: site.outputs[0]!.shape } };
  }

  /** An input without symbols of a block has zeros there. */
  function zerosFor(node: Node, parts: readonly (Value | undefined)[], like: Value): (Value | undefined)[] {
    return parts.map((part, index) => {
      const name = node.inputs[index]!;
      if (part || !network.isOnPath(name)) return part;
      const counts = graph.Slice(graph.shapeOf(like), [0], [2], [0]);
      const count = graph.op("ReduceProd", [counts, graph.ints([0])], { attributes: { keepdims: 1 } });
      const { shape } = network.value(name);
      const target = graph.Concat([count, graph.ints(shape!.slice(1) as number[])], 0);
      return graph.Expand(scalar(0), target, shape);
    });
  }

  function throughActivation(node: Node, inputs: readonly (Zonotope | undefined)[]): Zonotope {
    const site = network.site(graph, node);
    const operator = network.operator(node);
    if (operator.type !== "activation") throw new TypeError("an activation's node");
    const zs = inputs.flatMap((each) => each ?? []);
    const xs = zs.map(intervalOf);
    const { slopes, lower, upper } = (operator.parallel ?? operator.relax)(site, xs, { rounding });
    const { shape } = site.outputs[0]!;
    const flat = slopes.map((slope) => graph.Squeeze(slope.upper, [1]));
    const zeros = graph.Mul(zs[0]!.center, scalar(0));
    const [low, high] = [lower ?? zeros, upper ?? zeros];
    const half = scalar(0.5);
    const middle = graph.Mul(graph.Add(low, high), half);
    const radius = graph.Mul(graph.Sub(high, low), half);
    const center = graph.Sum(middle, ...zs.map((z, index) => graph.Mul(z.center, flat[index]!)));
    const names = new Set(zs.flatMap((z) => [...z.blocks.keys()]));
    const blocks = new Map<string, Value>();
    for (const name of names) {
      const parts = zs.flatMap((z, index) => {
        const block = z.blocks.get(name);
        return block ? [graph.Mul(block, slopes[index]!.upper)] : [];
      });
      blocks.set(name, graph.Sum(...parts));
    }
    blocks.set(node.outputs[0]!, diagonal(radius, node.outputs[0]!));
    const slacks = zs.flatMap((z, index) => (z.slack ? [graph.Mul(z.slack, graph.Abs(flat[index]!))] : []));
    const slack = slacks.length > 0 ? { ...graph.Sum(...slacks), shape } : undefined;
    return { center: { ...center, shape }, blocks, slack };
  }

  function intervalOf({ center, blocks, slack }: Zonotope): Interval {
    const spreads = [...blocks.values()].map((block) => graph.ReduceSum(graph.Abs(block), [1], 0));
    let symbols = graph.Sum(...spreads);
    if (rounding === "outward") {
      const count = network.widest * blocks.size;
      symbols = graph.Mul(symbols, scalar(1 + roundingOf(count)));
    }
    const reach = slack ? graph.Add(symbols, slack) : symbols;
    const { shape } = center;
    return { lower: { ...graph.Sub(center, reach), shape }, upper: { ...graph.Add(center, reach), shape } };
  }

  function leastOf({ center, blocks, slack }: Zonotope): Value {
    const column = (value: Value) => graph.Unsqueeze(graph.op("Flatten", [value], { attributes: { axis: 1 } }), [2]);
    const absolute = graph.Abs(specification);
    const dot = (rows: Value, value: Value) => graph.Squeeze(graph.MatMul(rows, column(value)), [2]);
    const spreads = [...blocks.values()].map((block) => {
      const columns = graph.Transpose(graph.Reshape(block, graph.ints([0, 0, -1])), [0, 2, 1]);
      return graph.ReduceSum(graph.Abs(graph.MatMul(specification, columns)), [2], 0);
    });
    const reach = graph.Sum(...spreads);
    const least = graph.Sub(dot(specification, center), reach);
    if (rounding === "nearest") return least;
    const sizes = graph.Mul(
      magnitudeOf(graph, intervalOf({ center, blocks, slack })),
      scalar(2 * roundingOf(network.classes)),
    );
    const share = scalar(roundingOf(network.widest * blocks.size + 2 * network.classes));
    const own = slack ? [dot(absolute, slack)] : [];
    return graph.Sub(least, graph.Sum(...own, dot(absolute, sizes), graph.Mul(reach, share)));
  }

  /** Numbers of a value [batch, …] as the multiples of one new symbol each: [batch, numbers, …]. */
  function diagonal(radius: Value, name: string): Value {
    return diagonalOf(graph, network, radius, name);
  }

  function asRows(block: Value, like: Value): Value {
    return graph.Reshape(block, graph.ints([-1, ...(like.shape!.slice(1) as number[])]), like.shape);
  }

  function asBlock(rows: Value, like: Value, y: Value): Value {
    const counts = graph.Slice(graph.shapeOf(like), [0], [2], [0]);
    return graph.Reshape(rows, graph.Concat([counts, graph.ints(y.shape!.slice(1) as number[])], 0));
  }

  function filled(name: string): Value {
    const zonotope = zonotopes.get(name)!;
    return { ...graph.Mul(zonotope.center, scalar(0)), shape: network.value(name).shape };
  }
}

function ofBox(graph: GraphBuilder, network: Network, box: Interval): Zonotope {
  const { name, shape } = network.input;
  const center = { ...centerOf(graph, box), shape };
  return {
    center,
    blocks: new Map([[name, diagonalOf(graph, network, radiusOf(graph, box), name)]]),
    slack: undefined,
  };
}

function diagonalOf(graph: GraphBuilder, network: Network, radius: Value, name: string): Value {
  const width = network.widthOf(name);
  const places = graph.Range(graph.int(width));
  const unit = graph.Cast(graph.Equal(graph.Unsqueeze(places, [0]), graph.Unsqueeze(places, [1])), network.input.dtype);
  const flat = graph.op("Flatten", [radius], { attributes: { axis: 1 } });
  const matrix = graph.Mul(graph.Unsqueeze(flat, [1]), unit);
  const sizes = network.value(name).shape!.slice(1) as number[];
  return graph.Reshape(matrix, graph.ints([0, width, ...sizes]));
}
