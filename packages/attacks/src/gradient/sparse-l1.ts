import type { Attack } from "../attack.ts";
import type { BaseLoss } from "../models/losses.ts";
import { pgd } from "./pgd.ts";

export interface SparseL1Options {
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  /** Share of the features that a step leaves alone. */
  readonly quantile?: number;
  readonly randomStart?: boolean;
  readonly restarts?: number;
  readonly loss?: BaseLoss;
}

/**
 * Sparse L1 descent (Tramèr & Boneh, 2019, https://arxiv.org/abs/1904.13000): PGD in L1 that spreads a step over the one per
 * cent of features with the steepest slopes that can still move.
 */
export function sparseL1Descent({
  steps = 10,
  stepSize = 0.2,
  quantile = 0.99,
  randomStart = false,
  restarts = 0,
  loss = "cross-entropy",
}: SparseL1Options = {}): Attack {
  const plain = pgd({ steps, stepSize, sparsity: 1 - quantile, randomStart, restarts, loss });
  return {
    ...plain,
    name: "SparseL1",
    norms: ["l1"],
    parameters: { steps, stepSize, quantile, randomStart, restarts, loss },
    citation: { text: "Tramèr & Boneh, 2019", url: "https://arxiv.org/abs/1904.13000" },
  };
}
