import { editOutput, type Model, type Value } from "@casemate/onnx";
import type { FittedDetector } from "./open-detector.ts";

/**
 * Classifier and detector as one classifier with a class more, whose logit is the largest exactly where the sample is flagged
 * (Carlini & Wagner, 2017, https://arxiv.org/abs/1705.07263): max z + (score − threshold) / scale, where the paper multiplies
 * and so needs a positive max z. A targeted attack on it must pass both.
 */
export function rejectingModel({ model, threshold, scale }: FittedDetector): Model {
  const [logits, score] = model.graph.outputs.map(({ name }): Value => ({ name, dtype: "float32", shape: undefined }));
  return editOutput(model, logits!, (graph, z) => {
    const excess = graph.Sub(score!, graph.scalar(threshold, score!));
    const above = graph.Mul(graph.Unsqueeze(excess, [1]), graph.scalar(1 / scale, score!));
    return graph.Concat([z, graph.Add(graph.ReduceMax(z, [1], 1), above)], 1);
  });
}
