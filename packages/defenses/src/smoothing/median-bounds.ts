import { normalCdf } from "@casemate/statistics";
import { DefenseError } from "../errors.ts";
import { binomialUpperTail } from "./binomial-tail.ts";

export interface MedianBounds {
  readonly median: number;
  /** Between these the smoothed median lies under every perturbation of the radius; infinite where too few draws tell. */
  readonly lower: number;
  readonly upper: number;
}

/**
 * Median smoothing for regression (Chiang et al., 2020, https://arxiv.org/abs/2007.03730): from draws of f(x + noise), bounds of the
 * median under any perturbation of L2 length `radius`. The median moves at most to the quantiles Φ(±radius / sigma), which order
 * statistics bound at a confidence of 1 − alpha, both sides together. Throws a DefenseError INVALID_OPTION for what makes no sense.
 */
export function medianBounds(
  draws: ArrayLike<number>,
  { sigma, radius, alpha = 0.001 }: { readonly sigma: number; readonly radius: number; readonly alpha?: number },
): MedianBounds {
  const count = draws.length;
  if (!(sigma > 0 && radius >= 0 && alpha > 0 && alpha < 1 && count > 0)) {
    throw new DefenseError(
      "INVALID_OPTION",
      `medianBounds: expected draws, a sigma above 0, a radius from 0 and an alpha in (0, 1), got ${count}, ${sigma}, ${radius}, ${alpha}`,
    );
  }
  const sorted = Float64Array.from(draws).sort();
  const high = normalCdf(radius / sigma);
  // the smallest rank whose draw lies above the quantile with confidence: P(Binomial(n, high) ≥ rank) ≤ alpha / 2
  let rank = 1;
  let [below, above] = [0, count + 1];
  while (above - below > 1) {
    rank = (below + above) >> 1;
    if (rank <= count && binomialUpperTail(rank, count, high) > alpha / 2) below = rank;
    else above = rank;
  }
  const isKnown = above <= count && binomialUpperTail(above, count, high) <= alpha / 2;
  const middle = (count - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    lower: isKnown ? sorted[count - above]! : Number.NEGATIVE_INFINITY, // by symmetry the rank from the other end
    upper: isKnown ? sorted[above - 1]! : Number.POSITIVE_INFINITY,
  };
}
