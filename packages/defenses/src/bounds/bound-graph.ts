import {
  type Dimension,
  freshPrefix,
  GraphBuilder,
  type Model,
  type Node,
  prune,
  type Value,
  type ValueInfo,
} from "@casemate/onnx";
import type { Interval } from "./interval.ts";
import type { Ball } from "./linear-bounds.ts";
import type { Network } from "./network.ts";

/** Where a graph of bounds is written: beside the nodes that make a network's weights. */
export interface BoundGraph {
  readonly graph: GraphBuilder;
  /** Declares an input of the shape of a value of the network. */
  like(name: string, value: Value): Value;
  /** Declares the inputs that say what the ball is. */
  ball(norm: "linf" | "l2" | "l1"): Ball;
}

/** The names that a ball is fed under. */
export const ballInputs = { lower: "ball/lower", upper: "ball/upper", point: "ball/point", epsilon: "ball/epsilon" };

/**
 * A graph over the network's initializers, under their names, with the values that `write` returns as outputs. The network's
 * own input is fed only if it is in `inputs`; weights that are made of shapes see the ball's box instead.
 */
export function boundGraph(network: Network, write: (bounds: BoundGraph) => Readonly<Record<string, Value>>): Model {
  const { model, input } = network;
  const graph = new GraphBuilder(freshPrefix(model.graph, "bounds"));
  const like = (name: string, value: Value): Value => {
    const shape: Dimension[] = ["batch", ...(value.shape!.slice(1) as number[])];
    return { ...graph.input(name, "float32", shape), shape: value.shape };
  };
  const outputs = write({
    graph,
    like,
    ball(norm) {
      const box: Interval = { lower: like(ballInputs.lower, input), upper: like(ballInputs.upper, input) };
      if (norm === "linf") return { box };
      const point = like(ballInputs.point, input);
      return { box, round: { norm, point, epsilon: graph.input(ballInputs.epsilon, "float32", []) } };
    },
  });
  const copies = Object.entries(outputs).map(([name, value]) => identity(value.name, name));
  const own = graph.inputs.some(({ name }) => name === input.name) ? [] : [identity(ballInputs.lower, input.name)];
  const whole = prune({
    ...model.graph,
    nodes: [...own, ...model.graph.nodes, ...graph.nodes, ...copies],
    inputs: [...liveWeights(network), ...graph.inputs],
    outputs: Object.keys(outputs).map(
      (name): ValueInfo => ({ name, dtype: "float32", shape: undefined, kind: "tensor" }),
    ),
    initializers: new Map([...model.graph.initializers, ...graph.initializers]),
  });
  return { ...model, graph: whole };
}

/** Weights that are inputs of the network, since a model in training gives them. */
function liveWeights({ model, input }: Network): readonly ValueInfo[] {
  return model.graph.inputs.filter(({ name }) => name !== input.name);
}

function identity(from: string, to: string): Node {
  return { name: to, op: "Identity", domain: "", inputs: [from], outputs: [to], attributes: {} };
}
