import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { describe, type Site } from "./gradient.ts";
import { isPositive } from "./masks.ts";

/** An activation within a recurrent cell, in its default parameters. */
export interface GateActivation {
  apply(graph: GraphBuilder, z: Value): Value;
  /** Its slope, told from its value. */
  slope(graph: GraphBuilder, value: Value): Value;
}

const less = (graph: GraphBuilder, from: number, value: Value) => graph.Sub(graph.scalar(from, value), value);

const slopes: Readonly<Record<string, GateActivation["slope"]>> = {
  Elu: (graph, a) => graph.Min(graph.Add(a, graph.scalar(1, a)), graph.scalar(1, a)),
  HardSigmoid: (graph, a) => {
    const zeros = graph.scalar(0, a);
    const inside = graph.And(graph.Greater(a, zeros), graph.Less(a, graph.scalar(1, a)));
    return graph.Where(inside, graph.scalar(0.2, a), zeros);
  },
  LeakyRelu: (graph, a) => graph.Max(isPositive(graph, a), graph.scalar(0.01, a)),
  Relu: isPositive,
  Sigmoid: (graph, a) => graph.Mul(a, less(graph, 1, a)),
  Softplus: (graph, a) => less(graph, 1, graph.Exp(graph.Neg(a))),
  Softsign: (graph, a) => {
    const rest = less(graph, 1, graph.Abs(a));
    return graph.Mul(rest, rest);
  },
  Tanh: (graph, a) => less(graph, 1, graph.Mul(a, a)),
};

/** The activations of one direction of a recurrent node; throws an OnnxError for one that has no slope here. */
export function gateActivations(site: Site, direction: number, defaults: readonly string[]): readonly GateActivation[] {
  const names = site.strings("activations") ?? [];
  if (site.floats("activation_alpha")?.length || site.floats("activation_beta")?.length) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(site.node)}: expected activations in their default parameters, got activation_alpha or activation_beta`,
    );
  }
  return defaults.map((absent, index) => {
    const given = names[direction * defaults.length + index] ?? absent;
    const name = Object.keys(slopes).find((each) => each.toLowerCase() === given.toLowerCase());
    if (name === undefined) {
      const known = Object.keys(slopes).join(", ");
      throw new OnnxError("UNSUPPORTED_OPERATOR", `${describe(site.node)}: expected ${known}, got activation ${given}`);
    }
    return { apply: (graph, z) => graph.op(name, [z]), slope: slopes[name]! };
  });
}
