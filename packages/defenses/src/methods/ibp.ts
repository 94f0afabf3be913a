import type { LossSubgraph } from "@casemate/onnx";
import type { TrainingMethod } from "../training/method.ts";
import { crossEntropyOf, targetsOf } from "./cross-entropy.ts";
import { certifiedGraph, certifiedStep } from "./worst-case.ts";

export interface IbpOptions {
  /** Share of the loss that clean samples keep at the end; 0.5 unless stated, as the authors have it on images. */
  readonly kappa?: number;
}

/**
 * Training on interval bounds (Gowal et al., 2018, https://arxiv.org/abs/1810.12715): κ CE(logits) + (1 − κ) CE(worst-case logits),
 * the last layer elided; kappa falls from 1 while epsilon rises, over half of the training unless the loop is told otherwise. Linf only.
 */
export function ibpTraining({ kappa = 0.5 }: IbpOptions = {}): TrainingMethod {
  return {
    name: "ibp",
    source: "https://arxiv.org/abs/1810.12715",
    ramp: 0.5,
    certifiedBy: "ibp",
    loss: certifiedLoss,
    graph: (model) => certifiedGraph(model, ({ ibp }) => ibp),
    step: (batch, state) => certifiedStep(batch, state, { kappa: falling(state.ramp, kappa) }),
  };
}

/** From 1 to `end` in a straight line, while the ramp goes from 0 to 1. */
export function falling(ramp: number, end: number): number {
  return 1 - (1 - end) * ramp;
}

/** The loss of rows [logits | worst-case logits], with the input `kappa` [1]. */
export function certifiedLoss(classes: number): LossSubgraph {
  return (graph, both) => {
    const targets = targetsOf(graph, both, classes);
    const kappa = graph.input("kappa", "float32", [1]);
    const part = (start: number) =>
      crossEntropyOf(graph, graph.LogSoftmax(graph.Slice(both, [start], [start + classes], [1]), 1), targets);
    const rest = graph.Sub(graph.scalar(1, both), kappa);
    return graph.Add(graph.Mul(kappa, part(0)), graph.Mul(rest, part(classes)));
  };
}
