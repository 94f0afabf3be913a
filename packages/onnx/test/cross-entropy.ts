import type { LossSubgraph } from "../src/differentiate.ts";

/** −log softmax(logits)[label] of each sample, with the labels as the input "labels" [batch]. */
export const crossEntropy: LossSubgraph = (graph, logits) => {
  const labels = graph.input("labels", "int64", ["batch"]);
  const chosen = graph.OneHot(labels, logits.shape!.at(-1) as number, logits);
  return graph.Neg(graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, 1), chosen), [1], 0));
};
