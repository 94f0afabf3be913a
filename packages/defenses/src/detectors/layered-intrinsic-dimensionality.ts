import { type Tensor, takeRows } from "@casemate/tensor";
import { shuffled } from "../training/shuffle.ts";
import { streams } from "../training/streams.ts";
import type { Detector } from "./detector.ts";
import { dimensionality } from "./local-intrinsic-dimensionality.ts";
import { requireNeighbours } from "./nearest-neighbours.ts";
import { weighedLayers } from "./weighed-layers.ts";

export interface LayeredDimensionalityOptions {
  readonly neighbours?: number;
  /** How many clean samples, drawn by the seed, distances are taken to; all where there are fewer. */
  readonly references?: number;
}

/**
 * The local intrinsic dimensionality at what each linear layer but the first takes, weighed by a logistic regression on attacked
 * samples (Ma et al., 2018, https://arxiv.org/abs/1801.02613; k = 20). Among fixed clean samples, and at the mean of each channel
 * as Lee et al. (2018) have it, where the authors take other samples of the minibatch and whole layers, and noisy ones as clean.
 */
export function layeredIntrinsicDimensionality({
  neighbours = 20,
  references = 1000,
}: LayeredDimensionalityOptions = {}): Detector {
  return {
    name: "layered-intrinsic-dimensionality",
    citation: { text: "Ma et al., 2018", url: "https://arxiv.org/abs/1801.02613" },
    layers: "means",
    pairs: "held-out",
    fit({ layers, pairs, x, seed }) {
      const rows = drawnRows(x.shape[0]!, references, seed);
      const points = layers.map((layer): Tensor => takeRows(layer, rows));
      for (const each of points) requireNeighbours("layeredIntrinsicDimensionality", neighbours, each);
      return weighedLayers(
        pairs!,
        points.map((each) => (graph, values) => dimensionality(graph, values, each, neighbours)),
      );
    },
  };
}

/** So many of the rows, or all, drawn by the seed, in their order. */
export function drawnRows(rows: number, count: number, seed: number): readonly number[] {
  return [...shuffled(rows, seed, streams.references, 0).subarray(0, count).sort()];
}
