import { type Attack, deepFool, type GradientClassifier, run } from "@casemate/attacks";
import type { LabelledSamples } from "../training/validate.ts";

export interface EmpiricalRobustness {
  /** Mean of ‖perturbation‖₂ / ‖x‖₂ over the samples that were broken; undefined where none was. */
  readonly mean: number | undefined;
  readonly broken: number;
  /** Right, and not broken within the budget: their share of the mean is missing, which makes it too small. */
  readonly unbroken: number;
}

/**
 * Empirical robustness (Moosavi-Dezfooli et al., 2016, https://arxiv.org/abs/1511.04599): how long the smallest perturbation that an
 * attack finds is, as a share of the sample's own L2 norm, on average over samples that are right. A popular port takes the fast
 * gradient sign method with a line search in place of the paper's DeepFool; any attack that looks for the nearest point can be given.
 */
export async function empiricalRobustness(
  model: GradientClassifier,
  { x, labels }: LabelledSamples,
  { attack = deepFool(), seed = 0 }: { readonly attack?: Attack; readonly seed?: number } = {},
): Promise<EmpiricalRobustness> {
  const threat = { norm: "l2", epsilons: [FARTHEST] } as const;
  const { samples } = await run(model, x, [...labels], threat, { attack, seed });
  const width = x.data.length / labels.length;
  const shares = samples.flatMap(({ status, distance }, row) => {
    if (status !== "broken" || distance === undefined) return [];
    return [distance / Math.hypot(...x.data.subarray(row * width, (row + 1) * width))];
  });
  return {
    mean: shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : undefined,
    broken: shares.length,
    unbroken: samples.filter(({ status }) => status === "robust").length,
  };
}

const FARTHEST = 1e6; // no ball: every point inside the bounds counts
