import type { Threat } from "@casemate/attacks";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import type { Batch, TrainingState } from "../training/method.ts";

export interface AscentOptions {
  readonly steps: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize: number;
}

/**
 * The inner maximisation of adversarial training: climbs from `x`, which it overwrites and which is inside the ball around
 * `origin`, along `slopesAt` [n, ...], and returns to the ball and the bounds after each step. Where the threat has
 * constraints, the search is free but the model is only asked about, and the result only is, what they allow.
 */
export async function ascend(
  x: Tensor,
  origin: Tensor,
  { threat, classifier: { bounds } }: Pick<TrainingState, "threat" | "classifier">,
  { steps, stepSize }: AscentOptions,
  slopesAt: (x: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  const width = widthOf(origin);
  for (let step = 0; step < steps; step++) {
    const slopes = await slopesAt(repaired(x, origin, threat));
    threat.climb(x.data, slopes.data, origin.data, { width, bounds, stepSize, sparsity: SPARSITY });
  }
  return repaired(x, origin, threat);
}

/** What the constraints of the threat make of each row; the rows themselves where there are none. */
export function repaired(x: Tensor, origin: Tensor, threat: Threat): Tensor {
  const { constraints } = threat;
  if (!constraints) return x;
  const width = widthOf(origin);
  const possible = x.data.slice();
  for (let start = 0; start < possible.length; start += width) {
    constraints.repair(possible.subarray(start, start + width), origin.data.subarray(start, start + width), threat);
  }
  return tensor(x.shape, possible);
}

/** A random point of the ball around each row. */
export function randomPoints({ x, draw }: Batch, { threat, classifier: { bounds } }: TrainingState): Tensor {
  const points = tensor(x.shape, x.data.slice());
  threat.randomStart(points.data, x.data, widthOf(x), bounds, { draw: (row) => draw(row, purposes.start) });
  return points;
}

/** What the draws of a method are for. */
export const purposes = { start: 0, source: 1, noise: 2 } as const; // several noises follow upon the first

/** Features of a row. */
export function widthOf({ shape }: Tensor): number {
  return sizeOf(shape.slice(1));
}

const SPARSITY = 0.01; // in L1, as the attacks of the arsenal have it
