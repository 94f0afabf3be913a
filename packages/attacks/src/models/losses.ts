import type { GraphBuilder, LossSubgraph, Value } from "@casemate/onnx";
import { AttackError } from "../errors.ts";
import type { Loss } from "./classifier.ts";

/** Losses as attacks name them; targeted criteria use their targeted form. */
export type BaseLoss = "cross-entropy" | "margin" | "dlr";

/** The loss that climbs towards a goal with as many classes as there are: where DLR is not defined, the margin. */
export function lossFor(loss: BaseLoss, classes: number, isTargeted: boolean): Loss {
  const wanted: Loss = isTargeted ? `targeted-${loss}` : loss;
  if (classes >= fewestClasses[wanted]) return wanted;
  return isTargeted ? "targeted-margin" : "margin";
}

/**
 * A loss as ONNX nodes after logits of [batch, classes]; one number per sample. It reads the graph inputs `labels` and, if
 * targeted, `targets`, both int64 [batch]. Throws an AttackError UNSUPPORTED_MODEL where the loss is not defined for so few
 * classes.
 */
export function lossSubgraph(loss: Loss, classes: number): LossSubgraph {
  if (classes < fewestClasses[loss]) {
    throw new AttackError(
      "UNSUPPORTED_MODEL",
      `${loss}: expected at least ${fewestClasses[loss]} classes, got ${classes}`,
    );
  }
  return (graph, logits) => {
    const labels = classMask(graph, "labels", classes);
    const targets = loss.startsWith("targeted") ? classMask(graph, "targets", classes) : labels;
    return formulas[loss]({ graph, logits, labels, targets });
  };
}

/** Below this number of classes a loss is not defined. */
const fewestClasses: Record<Loss, number> = {
  "cross-entropy": 2,
  margin: 2,
  dlr: 3,
  "targeted-cross-entropy": 2,
  "targeted-margin": 2,
  "targeted-dlr": 4,
};

interface Terms {
  readonly graph: GraphBuilder;
  readonly logits: Value;
  /** True at the label, or the target, of each sample: [batch, classes]. */
  readonly labels: Value;
  readonly targets: Value;
}

const formulas: Record<Loss, (terms: Terms) => Value> = {
  "cross-entropy": ({ graph, logits, labels }) => graph.Neg(at(graph, graph.LogSoftmax(logits, 1), labels)),
  "targeted-cross-entropy": ({ graph, logits, targets }) => at(graph, graph.LogSoftmax(logits, 1), targets),
  margin: ({ graph, logits, labels }) => graph.Sub(largestBut(graph, logits, labels), at(graph, logits, labels)),
  "targeted-margin": ({ graph, logits, targets }) =>
    graph.Sub(at(graph, logits, targets), largestBut(graph, logits, targets)),
  // Croce & Hein, 2020, equation 6: scaled by what separates the first from the third.
  dlr({ graph, logits, labels }) {
    const { first, third } = leaders(graph, logits, 3);
    const lead = graph.Sub(largestBut(graph, logits, labels), at(graph, logits, labels));
    return graph.Div(lead, positive(graph, graph.Sub(first, third!)));
  },
  // Equation 7: from the first to the mean of third and fourth.
  "targeted-dlr"({ graph, logits, labels, targets }) {
    const { first, third, fourth } = leaders(graph, logits, 4);
    const lead = graph.Sub(at(graph, logits, targets), at(graph, logits, labels));
    const middle = graph.Mul(graph.Add(third!, fourth!), graph.scalar(0.5, logits));
    return graph.Div(lead, positive(graph, graph.Sub(first, middle)));
  },
};

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
