import type { GraphBuilder, LossSubgraph, Value } from "@casemate/onnx";
import { AttackError } from "../errors.ts";
import type { Loss } from "./classifier.ts";

/** Losses as attacks name them; targeted criteria use their targeted form. */
export type BaseLoss = "cross-entropy" | "margin" | "dlr";

/** The loss that climbs towards a goal with as many classes as there are: where DLR is not defined, the margin. */
export function lossFor(
  loss: BaseLoss | "targeted-dlr" | "difference" | "divergence" | "weighted",
  classes: number,
  isTargeted: boolean,
): Loss {
  if (loss === "difference" || loss === "divergence" || loss === "weighted") return loss;
  const wanted: Loss = isTargeted && loss !== "targeted-dlr" ? `targeted-${loss}` : loss;
  if (classes >= fewestClasses[wanted]) return wanted;
  return wanted === "dlr" ? "margin" : "targeted-margin";
}

/**
 * A loss as ONNX nodes after logits of [batch, classes]; one number per sample. It reads the graph inputs `labels` and, if
 * targeted, `targets`, both int64 [batch], or `weights`, float32 [batch, classes]. Throws an AttackError UNSUPPORTED_MODEL
 * where the loss is not defined for so few classes.
 */
export function lossSubgraph(loss: Loss, classes: number): LossSubgraph {
  if (classes < fewestClasses[loss]) {
    throw new AttackError(
      "UNSUPPORTED_MODEL",
      `${loss}: expected at least ${fewestClasses[loss]} classes, got ${classes}`,
    );
  }
  return (graph, logits) => {
    const terms: Terms = {
      graph,
      logits,
      label: () => classMask(graph, "labels", classes),
      target: () => classMask(graph, "targets", classes),
      weights: () => graph.Cast(graph.input("weights", "float32", ["batch", classes]), logits.dtype),
    };
    return formulas[loss](terms);
  };
}

/** Below this number of classes a loss is not defined. */
export const fewestClasses: Record<Loss, number> = {
  "cross-entropy": 2,
  margin: 2,
  dlr: 3,
  "targeted-cross-entropy": 2,
  "targeted-margin": 2,
  "targeted-dlr": 4,
  difference: 2,
  divergence: 2,
  weighted: 1,
};

interface Terms {
  readonly graph: GraphBuilder;
  readonly logits: Value;
  /** True at the label, or the target, of each sample: [batch, classes]. Makes the graph input. */
  readonly label: () => Value;
  readonly target: () => Value;
  readonly weights: () => Value;
}

const formulas: Record<Loss, (terms: Terms) => Value> = {
  "cross-entropy": ({ graph, logits, label }) => graph.Neg(at(graph, graph.LogSoftmax(logits, 1), label())),
  "targeted-cross-entropy": ({ graph, logits, target }) => at(graph, graph.LogSoftmax(logits, 1), target()),
  margin({ graph, logits, label }) {
    const labels = label();
    return graph.Sub(largestBut(graph, logits, labels), at(graph, logits, labels));
  },
  "targeted-margin"({ graph, logits, target }) {
    const targets = target();
    return graph.Sub(at(graph, logits, targets), largestBut(graph, logits, targets));
  },
  // Croce & Hein, 2020, equation 6: scaled by what separates the first from the third.
  dlr({ graph, logits, label }) {
    const labels = label();
    const { first, third } = leaders(graph, logits, 3);
    const lead = graph.Sub(largestBut(graph, logits, labels), at(graph, logits, labels));
    return graph.Div(lead, positive(graph, graph.Sub(first, third!)));
  },
  // Equation 7: from the first to the mean of third and fourth.
  "targeted-dlr"({ graph, logits, label, target }) {
    const { first, third, fourth } = leaders(graph, logits, 4);
    const lead = graph.Sub(at(graph, logits, target()), at(graph, logits, label()));
    const middle = graph.Mul(graph.Add(third!, fourth!), graph.scalar(0.5, logits));
    return graph.Div(lead, positive(graph, graph.Sub(first, middle)));
  },
  difference: ({ graph, logits, label, target }) => graph.Sub(at(graph, logits, target()), at(graph, logits, label())),
  // Σ p log(p / q), p being the weights; where p is 0 so is its share.
  divergence({ graph, logits, weights }) {
    const p = weights();
    const logP = graph.Log(graph.Max(p, graph.scalar(SMALLEST, logits)));
    return graph.ReduceSum(graph.Mul(p, graph.Sub(logP, graph.LogSoftmax(logits, 1))), [1], 0);
  },
  weighted: ({ graph, logits, weights }) => graph.ReduceSum(graph.Mul(logits, weights()), [1], 0),
};

const SMALLEST = 1e-30; // keeps log 0 out

function classMask(graph: GraphBuilder, name: string, classes: number): Value {
  const input = graph.input(name, "int64", ["batch"]);
  return graph.Equal(graph.Unsqueeze(input, [1]), graph.ints(Array.from({ length: classes }, (_, k) => k)));
}

/** The number at the marked class: [batch]. */
function at(graph: GraphBuilder, values: Value, mask: Value): Value {
  return graph.ReduceSum(graph.Where(mask, values, graph.scalar(0, values)), [1], 0);
}

/** The largest logit of all classes but the marked one: [batch]. */
function largestBut(graph: GraphBuilder, logits: Value, mask: Value): Value {
  return graph.ReduceMax(graph.Where(mask, graph.scalar(LOWEST, logits), logits), [1], 0);
}

function leaders(graph: GraphBuilder, logits: Value, count: 3 | 4): { first: Value; third: Value; fourth?: Value } {
  const { values } = graph.TopK(logits, count, 1);
  const place = (rank: number) => graph.Squeeze(graph.Slice(values, [rank], [rank + 1], [1]), [1]);
  return { first: place(0), third: place(2), ...(count === 4 && { fourth: place(3) }) };
}

function positive(graph: GraphBuilder, difference: Value): Value {
  return graph.Add(difference, graph.scalar(1e-12, difference)); // as the authors keep 0/0 out
}

const LOWEST = -3e38; // below every logit; not -Infinity, which Where would carry into 0 · ∞
