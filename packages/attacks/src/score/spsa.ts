import { fillSigns } from "@casemate/tensor";
import type { Classifier, GradientClassifier } from "../models/classifier.ts";
import { estimateGradient } from "./estimate-gradient.ts";

export interface SpsaOptions {
  /** Forward passes per gradient, half of them on each side; an even number. */
  readonly samples?: number;
  /** How far each feature moves, in units of the input. */
  readonly delta?: number;
  readonly seed?: number;
}

/**
 * Simultaneous perturbation stochastic approximation (Uesato et al., 2018, https://arxiv.org/abs/1802.05666): a classifier
 * whose gradients are estimated from scores where all features move by ±delta at once, so that every gradient attack becomes a
 * black-box one. Defaults are CleverHans'; the paper takes up to 8192 samples.
 */
export function spsa(
  classifier: Classifier,
  { samples = 128, delta = 0.01, seed = 0 }: SpsaOptions = {},
): GradientClassifier {
  return estimateGradient(classifier, { name: "SPSA", samples, distance: delta, seed, direction: fillSigns });
}
