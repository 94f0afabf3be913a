import type { Bounds } from "@casemate/attacks";
import { DefenseError } from "../errors.ts";
import { bitDepth } from "../purification/bit-depth.ts";
import { medianFilter } from "../purification/median-filter.ts";
import type { Purification } from "../purification/purification.ts";
import { purified } from "../purification/wrap-model.ts";
import type { Detector } from "./detector.ts";

export interface FeatureSqueezingOptions {
  /** The box that inputs live in. */
  readonly bounds?: Bounds;
  readonly squeezers?: readonly Purification[];
  readonly layout?: "channels-first" | "channels-last";
}

/**
 * The largest L1 distance between the probabilities of an input and of its squeezed versions, from 0 to 2 (Xu et al., 2018,
 * https://arxiv.org/abs/1704.01155). One bit and a 2x2 median are what the paper joins for MNIST.
 */
export function featureSqueezing({
  bounds = { lower: 0, upper: 1 },
  squeezers = [bitDepth({ bits: 1 }), medianFilter({ size: 2 })],
  layout = "channels-first",
}: FeatureSqueezingOptions = {}): Detector {
  if (squeezers.length === 0) {
    throw new DefenseError("INVALID_OPTION", "featureSqueezing: expected at least one squeezer, got none");
  }
  return {
    name: "feature-squeezing",
    citation: { text: "Xu et al., 2018", url: "https://arxiv.org/abs/1704.01155" },
    fit: ({ x: { shape } }) => ({
      views: (graph, x) =>
        squeezers.map((each) => purified(graph, x, [each], { bounds, inputShape: shape.slice(1), layout })),
      score(graph, { logits, others }) {
        const own = graph.Unsqueeze(graph.Softmax(logits, 1), [0]);
        const distances = graph.ReduceSum(graph.op("Abs", [graph.Sub(graph.Softmax(others!, 2), own)]), [2], 0);
        return graph.ReduceMax(distances, [0], 0);
      },
    }),
  };
}
