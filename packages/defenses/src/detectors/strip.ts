import type { Bounds } from "@casemate/attacks";
import type { GraphBuilder, Value } from "@casemate/onnx";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";
import { drawnRows } from "./layered-intrinsic-dimensionality.ts";

export interface StripOptions {
  /** The box that inputs live in. */
  readonly bounds?: Bounds;
  /** Clean samples, drawn by the seed, that are laid over each input. */
  readonly overlays?: number;
}

/**
 * The consistency of the classifier when clean samples are laid over an input (STRIP; Gao et al., 2019,
 * https://arxiv.org/abs/1902.06531): less the mean entropy, in bits, of its answers to the sums, cut to the bounds. A backdoor
 * answers the same whatever lies over it. The authors lay 100 over it; that many make each score 101 times a prediction.
 */
export function stripDetector({ bounds = { lower: 0, upper: 1 }, overlays = 32 }: StripOptions = {}): Detector {
  if (!Number.isSafeInteger(overlays) || overlays < 1) {
    throw new DefenseError(
      "INVALID_OPTION",
      `stripDetector: expected a whole number of overlays from 1, got ${overlays}`,
    );
  }
  return {
    name: "strip",
    citation: { text: "Gao et al., 2019", url: "https://arxiv.org/abs/1902.06531" },
    fit({ x, seed }) {
      const chosen = drawnRows(x.shape[0]!, overlays, seed).map((row) => takeRows(x, [row]));
      const shape = x.shape.slice(1);
      return {
        views: (graph, input) =>
          chosen.map((overlay) => within(graph, graph.Add(input, graph.constant(overlay)), bounds, shape)),
        score(graph, { others }) {
          const logs = graph.LogSoftmax(others!, 2);
          const products = graph.Mul(graph.Exp(logs), logs); // their sum is less the entropy, in nats
          const sum = graph.ReduceSum(products, [0, 2], 0);
          return graph.Mul(sum, graph.scalar(1 / (chosen.length * Math.LN2), sum));
        },
      };
    },
  };
}

/** Values cut to a box. */
export function within(graph: GraphBuilder, x: Value, { lower, upper }: Bounds, shape: readonly number[]): Value {
  const side = (numbers: number | Float32Array): Tensor =>
    typeof numbers === "number" ? tensor([], Float32Array.of(numbers)) : tensor([1, ...shape], numbers);
  return graph.Max(graph.Min(x, graph.constant(side(upper))), graph.constant(side(lower)));
}
