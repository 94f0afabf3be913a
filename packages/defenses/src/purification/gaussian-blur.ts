import { mirrored } from "@casemate/attacks";
import { tensor } from "@casemate/tensor";
import { requireNumber } from "./option.ts";
import type { Purification } from "./purification.ts";

/**
 * Blurs with a Gaussian of this deviation in pixels, cut at four deviations, the image mirrored beyond its edge: SciPy's
 * `gaussian_filter`. Along each axis that is a product with a matrix.
 */
export function gaussianBlurPurification({ deviation = 1 }: { readonly deviation?: number } = {}): Purification {
  requireNumber("gaussian-blur, deviation", deviation, { least: 0.05, most: 100 });
  return {
    name: "gaussian-blur",
    needsImage: true,
    scale: "values",
    nodes(graph, x, { height, width }) {
      const down = graph.constant(tensor([height, height], blurMatrix(height, deviation)));
      const across = graph.constant(tensor([width, width], blurMatrix(width, deviation)));
      return graph.MatMul(graph.MatMul(down, x), graph.Transpose(across, [1, 0]));
    },
  };
}

/** What each of `size` pixels in a line takes from each: [size, size]. */
function blurMatrix(size: number, deviation: number): Float32Array {
  const reach = Math.floor(CUT * deviation + 0.5);
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-0.5 * ((k - reach) / deviation) ** 2),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (const [k, weight] of weights.entries()) matrix[i * size + mirrored(i + k - reach, size)]! += weight / sum;
  }
  return Float32Array.from(matrix);
}

const CUT = 4;
