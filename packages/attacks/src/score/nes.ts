import { fillNormal } from "@casemate/tensor";
import type { Classifier, GradientClassifier } from "../models/classifier.ts";
import { estimateGradient } from "./estimate-gradient.ts";

export interface NesOptions {
  /** Forward passes per gradient, half of them on each side; an even number. */
  readonly samples?: number;
  /** Standard deviation of the random directions, in units of the input. */
  readonly sigma?: number;
  readonly seed?: number;
}

/**
 * Natural evolution strategies (Ilyas et al., 2018, https://arxiv.org/abs/1804.08598): a classifier whose gradients are
 * estimated from scores in normally distributed directions, so that every gradient attack becomes a black-box one. Defaults
 * are those of the paper for ImageNet. Scaled to be the gradient, where Foolbox's estimator is a quarter of it.
 */
export function nes(
  classifier: Classifier,
  { samples = 50, sigma = 0.001, seed = 0 }: NesOptions = {},
): GradientClassifier {
  return estimateGradient(classifier, { name: "NES", samples, distance: sigma, seed, direction: fillNormal });
}
