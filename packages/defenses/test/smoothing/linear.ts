import type { Classifier } from "@casemate/attacks";
import { normalCdf } from "@casemate/statistics";
import { fillNormal, type Tensor, tensor } from "@casemate/tensor";

/**
 * Two classes on the two sides of the plane w·x = 0. Noise moves w·x by a normal number of sigma |w|, so the true probability of
 * the class is Φ(distance / sigma), and the true radius is the distance.
 */
export function halfSpaces(
  width: number,
  seed = 0,
): Classifier & { readonly batches: number[]; distance(x: Tensor): Float64Array } {
  const w = fillNormal(new Float32Array(width), { seed, stream: 7, sample: 0, step: 0 });
  const length = Math.hypot(...w);
  const batches: number[] = [];
  const sides = (x: Tensor) =>
    Float64Array.from({ length: x.shape[0]! }, (_, row) => {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += w[j]! * x.data[row * width + j]!;
      return sum / length;
    });
  return {
    inputShape: [width],
    classes: 2,
    bounds: { lower: -10, upper: 10 },
    batches,
    distance: sides,
    async logits(x) {
      batches.push(x.shape[0]!);
      const scores = tensor([x.shape[0]!, 2]);
      for (const [row, side] of sides(x).entries()) scores.data[2 * row + Number(side > 0)] = 1;
      return scores;
    },
  };
}

/** Samples at these signed distances from the plane of `halfSpaces(width, seed)`. */
export function samplesAt(distances: readonly number[], width: number, seed = 0): Tensor {
  const w = fillNormal(new Float32Array(width), { seed, stream: 7, sample: 0, step: 0 });
  const length = Math.hypot(...w);
  return tensor(
    [distances.length, width],
    Float32Array.from(distances.flatMap((distance) => [...w].map((each) => (distance * each) / length))),
  );
}

/** The true probability of the class that noise of sigma leaves a sample most often in. */
export function topProbability(distance: number, sigma: number): number {
  return normalCdf(Math.abs(distance) / sigma);
}
