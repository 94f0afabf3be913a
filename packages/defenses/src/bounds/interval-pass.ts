import type { GraphBuilder, Node, Value } from "@casemate/onnx";
import { centerOf, type Interval, magnitudeOf, radiusOf } from "./interval.ts";
import { emit, type LinearOperator } from "./linear-operators.ts";
import type { Network } from "./network.ts";
import { type Rounding, roundingOf } from "./rounding.ts";

/** What a pass of intervals through a network gives, by value; each is written when it is first asked for. */
export interface Intervals {
  interval(name: string): Interval;
  /** The sum of the magnitudes that a linear node's results are made of: |L| |x| + |b|. */
  magnitude(node: Node): Value;
  /** What a linear node adds: [1, …]; undefined where it adds nothing. */
  constant(node: Node): Value | undefined;
  /** A linear node's result for values of its inputs from the path. */
  apply(node: Node, xs: readonly (Value | undefined)[]): Value;
}

/**
 * Interval bound propagation (Gowal et al., 2018, https://arxiv.org/abs/1810.12715): centre and radius through what is linear,
 * both ends through the rest. Values in `known` have their intervals already, such as the input.
 */
export function intervalPass(
  graph: GraphBuilder,
  network: Network,
  known: ReadonlyMap<string, Interval>,
  rounding: Rounding,
): Intervals {
  const producers = new Map(network.path.map((node) => [node.outputs[0]!, node]));
  const intervals = new Map(known);
  const magnitudes = new Map<string, Value>();
  const constants = new Map<string, Value>();

  const inputsOf = (node: Node): (Interval | undefined)[] =>
    node.inputs.map((name) => (network.isOnPath(name) ? interval(name) : undefined));

  function interval(name: string): Interval {
    const found = intervals.get(name);
    if (found) return found;
    const node = producers.get(name)!;
    const operator = network.operator(node);
    const xs = inputsOf(node);
    const made =
      operator.type === "activation"
        ? operator.interval(
            network.site(graph, node),
            xs.flatMap((x) => x ?? []),
            rounding,
          )
        : throughLinear(node, operator, xs);
    intervals.set(name, made);
    return made;
  }

  function throughLinear(node: Node, operator: LinearOperator, xs: readonly (Interval | undefined)[]): Interval {
    const site = network.site(graph, node);
    const { shape } = site.outputs[0]!;
    if (!operator.fan) {
      const side = (end: "lower" | "upper"): Value =>
        apply(
          node,
          xs.map((x) => x?.[end]),
        );
      return { lower: side("lower"), upper: side("upper") };
    }
    const center = emit(
      site,
      xs.map((x) => x && centerOf(graph, x)),
    );
    const radius = operator.map(
      site,
      xs.map((x) => x && radiusOf(graph, x)),
      true,
    );
    const lost =
      rounding === "outward" ? [graph.Mul(magnitude(node), scalar(roundingOf(2 * operator.fan(site).in)))] : [];
    const wide = lost.reduce((sum, each) => graph.Add(sum, each), radius);
    return { lower: { ...graph.Sub(center, wide), shape }, upper: { ...graph.Add(center, wide), shape } };
  }

  const scalar = (number: number): Value => graph.scalar(number, network.input);

  function apply(node: Node, xs: readonly (Value | undefined)[]): Value {
    const operator = network.operator(node) as LinearOperator;
    const site = network.site(graph, node);
    return operator.hasConstant?.(site) ? emit(site, xs) : operator.map(site, xs, false);
  }

  function magnitude(node: Node): Value {
    const name = node.outputs[0]!;
    const found = magnitudes.get(name);
    if (found) return found;
    const operator = network.operator(node) as LinearOperator;
    const site = network.site(graph, node);
    const sizes = inputsOf(node).map((x) => x && magnitudeOf(graph, x));
    const product = operator.map(site, sizes, true);
    const added = constant(node);
    const made: Value = added ? { ...graph.Add(product, graph.Abs(added)), shape: product.shape } : product;
    magnitudes.set(name, made);
    return made;
  }

  function constant(node: Node): Value | undefined {
    const operator = network.operator(node) as LinearOperator;
    const site = network.site(graph, node);
    if (!operator.hasConstant?.(site)) return undefined;
    const found = constants.get(node.outputs[0]!);
    if (found) return found;
    const zeros = node.inputs.map((name): Value | undefined => {
      if (!network.isOnPath(name)) return undefined;
      const shape = [1, ...(network.value(name).shape!.slice(1) as number[])];
      return graph.Expand(scalar(0), graph.ints(shape), shape);
    });
    const made: Value = { ...emit(site, zeros), shape: [1, ...site.outputs[0]!.shape!.slice(1)] };
    constants.set(node.outputs[0]!, made);
    return made;
  }

  return { interval, magnitude, constant, apply };
}
