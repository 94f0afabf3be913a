import type { GraphBuilder, LossSubgraph, Value } from "@casemate/onnx";

/** −Σ t log softmax(z / temperature) of each row, with the probabilities `targets` [batch, classes] as an input. */
export function crossEntropy(classes: number, temperature = 1): LossSubgraph {
  return (graph, logits) => {
    const scaled = temperature === 1 ? logits : graph.Mul(logits, graph.scalar(1 / temperature, logits));
    return crossEntropyOf(graph, graph.LogSoftmax(scaled, 1), targetsOf(graph, logits, classes));
  };
}

/** The input `targets`, in the element type of the logits. */
export function targetsOf(graph: GraphBuilder, logits: Value, classes: number): Value {
  return graph.Cast(graph.input("targets", "float32", ["batch", classes]), logits.dtype);
}

/** −Σ t log p of each row: [batch]. */
export function crossEntropyOf(graph: GraphBuilder, logProbabilities: Value, targets: Value): Value {
  return graph.Neg(graph.ReduceSum(graph.Mul(targets, logProbabilities), [1], 0));
}
