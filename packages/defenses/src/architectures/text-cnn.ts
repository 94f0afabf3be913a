import type { Model } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import { type NetworkOptions, network, requireSizes } from "./network.ts";

export interface TextCnnOptions extends NetworkOptions {
  /** How many different tokens there are; their ids count from 0. */
  readonly vocabulary: number;
  /** Length of a token's vector; 32 if absent. */
  readonly embedding?: number;
  /** How many tokens each kind of convolution sees; [3, 4, 5] if absent, as in the paper. */
  readonly widths?: readonly number[];
  /** Channels of each kind; 32 if absent. */
  readonly filters?: number;
}

/**
 * A text convolution (Kim, 2014, https://arxiv.org/abs/1408.5882) for token ids, int64 of inputShape [length]: their vectors, convolutions
 * of several widths with ReLU, the maximum over time, one dense layer. Without the paper's dropout. Weights: embedding, width3, …, dense.
 */
export function textCnn(options: TextCnnOptions): Model {
  const { vocabulary, embedding = 32, widths = [3, 4, 5], filters = 32, classes, inputShape } = options;
  requireSizes("textCnn", "vocabulary, embedding and filters", [vocabulary, embedding, filters]);
  requireSizes("textCnn", "widths", widths);
  if (widths.length === 0 || new Set(widths).size < widths.length || Math.max(...widths) > (inputShape[0] ?? 0)) {
    const expected = `expected different widths of at most ${inputShape[0]} tokens, the length of a text`;
    throw new DefenseError("INVALID_OPTION", `textCnn: ${expected}, got [${widths}]`);
  }
  const build: Parameters<typeof network>[3] = (layers, tokens) => {
    const { graph } = layers;
    const table = layers.weight("embedding.weight", layers.normal([vocabulary, embedding], 1));
    const sequence = graph.Transpose(graph.Gather(table, tokens, 0), [0, 2, 1]);
    const features = widths.map((width) => {
      const seen = layers.relu(layers.convolution(`width${width}`, sequence, [filters, embedding, width]));
      return graph.ReduceMax(seen, [2], 0);
    });
    return layers.dense("dense", graph.Concat(features, 1), filters * widths.length, classes, false);
  };
  return network("textCnn", options, [1], build, "int64");
}
