import { OnnxError } from "../errors.ts";
import { freshPrefix } from "../fresh-names.ts";
import { describe } from "../gradients/gradient.ts";
import { float, GraphBuilder } from "../graph-builder.ts";
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
 * (Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167), each node in training mode and with momentum 0, which the gradient rule takes.
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
  // With momentum 0 the operator returns the batch's own mean and variance as the next running ones. The runtime writes them
  // over the running ones that it was given, which must therefore be values that nobody else reads.
  const attributes = { training_mode: 1, momentum: float(0), epsilon: float(floatOf(node, "epsilon", 1e-5)) };
  const spare = [mean, variance].map((value) => graph.Mul(value!, graph.scalar(0.5, value!)));
  const inputs = [x, scale, bias, ...spare];
  const [normal, batchMean, batchVariance] = graph.ops("BatchNormalization", inputs, 3, { attributes });
  const written = graph.nodes.pop()!;
  graph.nodes.push({
    ...written,
    name: node.name,
    outputs: written.outputs.map((name) => (name === normal!.name ? node.outputs[0]! : name)),
  });
  const channels = initializerTensor(running).data.length;
  const momentum = floatOf(node, "momentum", 0.9);
  return [
    { running: mean!.name, statistic: batchMean!.name, momentum, batch: () => batchMean! },
    {
      running: variance!.name,
      statistic: batchVariance!.name,
      momentum,
      batch: (after) => unbiased(after, x!, batchVariance!, channels),
    },
  ];
}

/** n / (n − 1) times the variance, n being how many numbers a channel has in the batch. */
function unbiased(graph: GraphBuilder, x: Value, variance: Value, channels: number): Value {
  const size = graph.Cast(graph.op("Size", [x], { dtype: "int64" }), "float32");
  const count = graph.Div(size, graph.scalar(channels, size));
  return graph.Mul(variance, graph.Div(count, graph.Sub(count, graph.scalar(1, count))));
}

function floatOf({ attributes }: Node, name: string, absent: number): number {
  const found = attributes[name];
  return found?.type === "float" ? found.value : absent;
}
