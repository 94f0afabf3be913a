import type { Detector } from "./detector.ts";
import { distanceToMeans, requireShrinkage } from "./mahalanobis.ts";
import { weighedLayers } from "./weighed-layers.ts";

/**
 * The squared Mahalanobis distances of `mahalanobisDetector` at what each linear layer but the first takes, the mean of each
 * channel where there are channels, weighed by a logistic regression on attacked samples (Lee et al., 2018,
 * https://arxiv.org/abs/1807.03888). Without the paper's noise on the input; it takes the outputs of blocks and counts noisy
 * samples as clean.
 */
export function layeredMahalanobis({ shrinkage = 1e-3 }: { readonly shrinkage?: number } = {}): Detector {
  requireShrinkage("layeredMahalanobis", shrinkage);
  return {
    name: "layered-mahalanobis",
    citation: { text: "Lee et al., 2018", url: "https://arxiv.org/abs/1807.03888" },
    layers: "means",
    pairs: "held-out",
    fit: ({ layers, labels, classes, pairs }) =>
      weighedLayers(
        pairs!,
        layers.map((layer) => distanceToMeans(layer, labels, classes, shrinkage)),
      ),
  };
}
