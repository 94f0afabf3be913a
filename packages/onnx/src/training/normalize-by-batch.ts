import { OnnxError } from "../errors.ts";
import { freshPrefix } from "../fresh-names.ts";
import { describe } from "../gradients/gradient.ts";
import { GraphBuilder } from "../graph-builder.ts";
import { initializerTensor } from "../initializer.ts";
import type { Graph, Initializer, Model, Node } from "../model.ts";
import type { Value } from "../value.ts";

/** A running average that batch normalisation keeps: next = momentum · running + (1 − momentum) · batch. */
export interface RunningAverage {
  /** The initializer that holds it. */
  readonly running: string;
  /** The value that both come from; averages of what is not on the way to the loss are not kept. */
  readonly statistic: string;
  /** Writes the batch's own value [channels]; of the variance the unbiased one. */
  batch(graph: GraphBuilder): Value;
  readonly momentum: number;
}

/**
 * A copy in which batch normalisation uses the mean and the (biased) variance of the batch over all axes but the channels
 * (Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167), written in operators that have gradient rules.
 */
export function normalizeByBatch(model: Model): {
  readonly model: Model;
  readonly averages: readonly RunningAverage[];
} {
  const { graph } = model;
  const builder = new GraphBuilder(freshPrefix(graph, "batch"));
  const averages: RunningAverage[] = [];
  const nodes = graph.nodes.flatMap((node) => {
    if (node.op !== "BatchNormalization") return [node];
    const before = builder.nodes.length;
    averages.push(...normalize(builder, graph, node));
    return builder.nodes.slice(before);
  });
  if (averages.length === 0) return { model, averages };
  const initializers = new Map<string, Initializer>([...graph.initializers, ...builder.initializers]);
  return { model: { ...model, graph: { ...graph, nodes, initializers } }, averages };
}

function normalize(graph: GraphBuilder, { initializers }: Graph, node: Node): readonly RunningAverage[] {
  const [x, scale, bias, mean, variance] = node.inputs.map(
    (name): Value => ({ name, dtype: "float32", shape: undefined }),
  );
  const running = initializers.get(mean!.name);
  if (!running || !initializers.has(variance!.name) || node.outputs.length > 1) {
    throw new OnnxError("UNSUPPORTED_OPERATOR", `${describe(node)}: expected running averages that are constants`);
  }
  const flat = graph.Reshape(x!, graph.ints([0, 0, -1])); // [batch, channels, places]
  const average = (value: Value) =>
    graph.op("ReduceMean", [value, graph.ints([0, 2])], { attributes: { keepdims: 1 } });
  const batchMean = average(flat);
  const centered = graph.Sub(flat, batchMean);
  const batchVariance = average(graph.Mul(centered, centered));
  const epsilon = graph.scalar(floatOf(node, "epsilon", 1e-5), flat);
  const channelwise = (value: Value) => graph.Reshape(value, graph.ints([-1, 1]));
  const factor = graph.Div(channelwise(scale!), graph.Sqrt(graph.Add(batchVariance, epsilon)));
  const normal = graph.Add(graph.Mul(centered, factor), channelwise(bias!));
  const back = graph.Reshape(normal, graph.shapeOf(x!));
  graph.nodes.push({
    name: node.name,
    op: "Identity",
    domain: "",
    inputs: [back.name],
    outputs: [node.outputs[0]!],
    attributes: {},
  });

  const channels = initializerTensor(running).data.length;
  const momentum = floatOf(node, "momentum", 0.9);
  return [
    { running: mean!.name, statistic: batchMean.name, momentum, batch: (after) => listOf(after, batchMean) },
    {
      running: variance!.name,
      statistic: batchVariance.name,
      momentum,
      batch: (after) => unbiased(after, flat, batchVariance, channels),
    },
  ];
}

function listOf(graph: GraphBuilder, value: Value): Value {
  return graph.Reshape(value, graph.ints([-1]));
}

/** n / (n − 1) times the variance, n being how many numbers a channel has in the batch. */
function unbiased(graph: GraphBuilder, flat: Value, variance: Value, channels: number): Value {
  const size = graph.Cast(graph.op("Size", [flat], { dtype: "int64" }), "float32");
  const count = graph.Div(size, graph.scalar(channels, size));
  return graph.Mul(listOf(graph, variance), graph.Div(count, graph.Sub(count, graph.scalar(1, count))));
}

function floatOf({ attributes }: Node, name: string, absent: number): number {
  const found = attributes[name];
  return found?.type === "float" ? found.value : absent;
}
