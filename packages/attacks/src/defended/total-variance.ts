import { fillUniform } from "@casemate/tensor";
import type { ImageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import type { InputDefence } from "./input-defence.ts";
import { requireImage } from "./squeezing.ts";

export interface TotalVarianceOptions {
  /** Share of the pixels that are kept as they are; the others are filled in. */
  readonly kept?: number;
  /** Weight of the total variation. */
  readonly weight?: number;
  readonly iterations?: number;
}

/**
 * Total variance minimisation (Guo et al., 2018, https://arxiv.org/abs/1711.00117): of the pixels a random share is kept, and the
 * image becomes the smoothest one that is near those: the minimum of ½ Σ kept (z − x)² + weight · total variation of features in
 * units of their range, isotropic, smoothed at its kink, by gradient descent with Nesterov's momentum. Terms and defaults are those of the
 * authors' code; ART takes the norm instead of its square, a weight of 0.5, and keeps 0.3.
 */
export function totalVarianceMinimization({
  kept = 0.5,
  weight = 0.03,
  iterations = 200,
}: TotalVarianceOptions = {}): InputDefence {
  return {
    name: "Total variance minimisation",
    citation: { text: "Guo et al., 2018", url: "https://arxiv.org/abs/1711.00117" },
    apply(x, view) {
      const shape = requireImage("Total variance minimisation", view);
      const draws = fillUniform(new Float32Array(x.length), view.draw);
      const isKept = Uint8Array.from(draws, (draw) => (draw < kept ? 1 : 0));
      const { lower, upper } = view.bounds;
      const rangeOf = (j: number) => valueAt(upper, j) - valueAt(lower, j);
      const shares = x.map((value, j) => (value - valueAt(lower, j)) / rangeOf(j));
      const smooth = minimized(shares, isKept, shape, weight, iterations);
      return smooth.map((share, j) => valueAt(lower, j) + share * rangeOf(j));
    },
  };
}

/** Rounds the kink of the total variation, in units of the range. */
export const TOTAL_VARIATION_ROUNDING = 0.02;

function minimized(
  x: Float32Array,
  isKept: Uint8Array,
  shape: ImageShape,
  weight: number,
  iterations: number,
): Float32Array {
  const z = Float64Array.from(x);
  const ahead = z.slice();
  const slope = new Float64Array(x.length);
  const step = 1 / (1 + (8 * weight) / TOTAL_VARIATION_ROUNDING); // the inverse of the slope's Lipschitz constant
  for (let t = 1; t <= iterations; t++) {
    for (let j = 0; j < slope.length; j++) slope[j] = isKept[j] ? ahead[j]! - x[j]! : 0;
    addVariation(ahead, slope, shape, weight);
    for (let j = 0; j < z.length; j++) {
      const next = ahead[j]! - step * slope[j]!;
      ahead[j] = next + ((t - 1) / (t + 2)) * (next - z[j]!);
      z[j] = next;
    }
  }
  return Float32Array.from(z);
}

/** Adds the slope of weight · Σ √(Δrow² + Δcolumn² + rounding²). */
function addVariation(
  z: Float64Array,
  slope: Float64Array,
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  weight: number,
): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const here = channel * channelStride + row * rowStride + column * columnStride;
        const down = row + 1 < height ? z[here + rowStride]! - z[here]! : 0;
        const across = column + 1 < width ? z[here + columnStride]! - z[here]! : 0;
        const scale = weight / Math.sqrt(down * down + across * across + TOTAL_VARIATION_ROUNDING ** 2);
        slope[here]! -= scale * (down + across);
        if (row + 1 < height) slope[here + rowStride]! += scale * down;
        if (column + 1 < width) slope[here + columnStride]! += scale * across;
      }
    }
  }
}
