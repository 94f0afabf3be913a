import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";

/** The energy −T log Σ exp(z / T) of the logits (Liu et al., 2020, https://arxiv.org/abs/2010.03759); T is 1 as there. */
export function energyDetector({ temperature = 1 }: { readonly temperature?: number } = {}): Detector {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new DefenseError("INVALID_OPTION", `energyDetector: expected a temperature above 0, got ${temperature}`);
  }
  return {
    name: "energy",
    citation: { text: "Liu et al., 2020", url: "https://arxiv.org/abs/2010.03759" },
    fit: () => ({
      score(graph, { logits }) {
        const scaled = graph.Mul(logits, graph.scalar(1 / temperature, logits));
        const sum = graph.op("ReduceLogSumExp", [scaled, graph.ints([1])], { attributes: { keepdims: 0 } });
        return graph.Mul(sum, graph.scalar(-temperature, logits));
      },
    }),
  };
}
