import type { Bounds } from "@casemate/attacks";
import type { GraphBuilder, Value } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { type AutoencoderOptions, trainedAutoencoder } from "./autoencoder.ts";
import type { Detector } from "./detector.ts";
import { embedded, runGraph } from "./graph-run.ts";

export interface MagNetOptions extends AutoencoderOptions {
  /** The box that inputs live in. */
  readonly bounds?: Bounds;
  /** What logits are divided by before their divergence is taken. */
  readonly temperatures?: readonly number[];
}

/**
 * How badly an autoencoder, trained on clean samples, reconstructs an input, and how far the classifier's answer to the
 * reconstruction lies from its own (MagNet; Meng & Chen, 2017, https://arxiv.org/abs/1705.09064): the mean absolute error and
 * the Jensen-Shannon divergences at temperatures 10 and 40, each as a multiple of what 95 % of the training samples stay below;
 * the largest counts. The authors give each a threshold of its own, and train autoencoders for each.
 */
export function magNet({
  bounds = { lower: 0, upper: 1 },
  temperatures = [10, 40],
  ...training
}: MagNetOptions = {}): Detector {
  const wrong = temperatures.find((each) => !(each > 0 && Number.isFinite(each)));
  if (wrong !== undefined) {
    throw new DefenseError("INVALID_OPTION", `magNet: expected temperatures above 0, got ${wrong}`);
  }
  return {
    name: "magnet",
    citation: { text: "Meng & Chen, 2017", url: "https://arxiv.org/abs/1705.09064" },
    async fit({ x, logits, seed, signal }) {
      const model = await trainedAutoencoder(x, bounds, { ...training, seed, ...(signal && { signal }) });
      const copies = await runGraph(x, (graph, input) => embedded(graph, model, input));
      const errors = await runGraph(beside(x, copies), (graph, both) =>
        meanError(graph, half(graph, both, 0), half(graph, both, 1)),
      );
      const answers = beside(await logits(x), await logits(copies));
      const limits = [usual(errors.data)];
      for (const temperature of temperatures) {
        const { data } = await runGraph(answers, (graph, both) => {
          return divergence(graph, half(graph, both, 0), half(graph, both, 1), temperature);
        });
        limits.push(usual(data));
      }
      return {
        views: (graph, input) => [embedded(graph, model, input)],
        score(graph, { x: input, logits: z, views, others }) {
          const other = graph.Squeeze(others!, [0]);
          const parts = [
            meanError(graph, input, views[0]!),
            ...temperatures.map((temperature) => divergence(graph, z, other, temperature)),
          ];
          return graph.Max(...parts.map((part, i) => graph.Mul(part, graph.scalar(1 / limits[i]!, part))));
        },
      };
    },
  };
}

/** The mean absolute difference of the features of two [batch, ...]: [batch]. */
function meanError(graph: GraphBuilder, a: Value, b: Value): Value {
  const gap = graph.op("Flatten", [graph.Abs(graph.Sub(a, b))], { attributes: { axis: 1 } });
  return graph.op("ReduceMean", [gap, graph.ints([1])], { attributes: { keepdims: 0 } });
}

/** The Jensen-Shannon divergence of the softmax of two [batch, classes] at a temperature, in nats: [batch]. */
export function divergence(graph: GraphBuilder, a: Value, b: Value, temperature: number): Value {
  const factor = graph.scalar(1 / temperature, a);
  const logs = [a, b].map((logits) => graph.LogSoftmax(graph.Mul(logits, factor), 1));
  const [p, q] = logs.map((each) => graph.Exp(each)) as [Value, Value];
  const half = graph.scalar(0.5, a);
  const middle = graph.Log(graph.Add(graph.Mul(graph.Add(p, q), half), graph.scalar(SMALLEST, a)));
  const [first, second] = [p, q].map((each, i) =>
    graph.ReduceSum(graph.Mul(each, graph.Sub(logs[i]!, middle)), [1], 0),
  );
  return graph.Mul(graph.Add(first!, second!), half);
}

const SMALLEST = 1e-30; // of a class that neither thinks possible

/** What 95 % of the values stay below. */
function usual(values: Float32Array): number {
  return values.slice().sort()[Math.floor(0.95 * values.length)]! || 1;
}

/** Two [rows, ...] as [rows, 2, ...]. */
function beside(a: Tensor, b: Tensor): Tensor {
  const [rows, ...shape] = a.shape as [number, ...number[]];
  const width = sizeOf(shape);
  const both = tensor([rows, 2, ...shape]);
  for (let row = 0; row < rows; row++) {
    both.data.set(a.data.subarray(row * width, (row + 1) * width), 2 * row * width);
    both.data.set(b.data.subarray(row * width, (row + 1) * width), (2 * row + 1) * width);
  }
  return both;
}

function half(graph: GraphBuilder, both: Value, place: number): Value {
  return graph.Squeeze(graph.Slice(both, [place], [place + 1], [1]), [1]);
}
