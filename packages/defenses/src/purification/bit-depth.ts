import { requireNumber } from "./option.ts";
import type { Purification } from "./purification.ts";

/** Rounds each feature to one of 2^bits values of its range (Xu et al., 2018, https://arxiv.org/abs/1704.01155). */
export function bitDepth({ bits = 8 }: { readonly bits?: number } = {}): Purification {
  requireNumber("bit-depth, bits", bits, { least: 1, most: 16, isWhole: true });
  return {
    name: "bit-depth",
    needsImage: false,
    scale: "shares",
    nodes(graph, x) {
      const steps = graph.scalar(2 ** bits - 1, x);
      return graph.Div(graph.op("Round", [graph.Mul(x, steps)]), steps);
    },
  };
}
