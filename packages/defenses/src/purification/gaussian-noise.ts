import { float } from "@casemate/onnx";
import { requireNumber } from "./option.ts";
import type { Purification } from "./purification.ts";

/**
 * Adds Gaussian noise, with a deviation in shares of the range, and clips to it (He et al., 2019, https://arxiv.org/abs/1811.09310, add it in training too). Drawn
 * anew in each run of the graph: a served model answers the same sample differently.
 */
export function gaussianNoisePurification({ deviation = 0.1 }: { readonly deviation?: number } = {}): Purification {
  requireNumber("gaussian-noise, deviation", deviation, { least: 0 });
  return {
    name: "gaussian-noise",
    needsImage: false,
    scale: "shares",
    nodes(graph, x) {
      const noise = graph.op("RandomNormalLike", [x], { attributes: { mean: float(0), scale: float(deviation) } });
      return graph.Min(graph.Max(graph.Add(x, noise), graph.scalar(0, x)), graph.scalar(1, x));
    },
  };
}
