import type { Bounds } from "@casemate/attacks";
import { binaryDetector } from "./binary-detector.ts";
import { deepNearestNeighbours } from "./deep-nearest-neighbours.ts";
import type { Detector } from "./detector.ts";
import { energyDetector } from "./energy.ts";
import { featureSqueezing } from "./feature-squeezing.ts";
import { layeredIntrinsicDimensionality } from "./layered-intrinsic-dimensionality.ts";
import { layeredMahalanobis } from "./layered-mahalanobis.ts";
import { localIntrinsicDimensionality } from "./local-intrinsic-dimensionality.ts";
import { magNet } from "./magnet.ts";
import { mahalanobisDetector } from "./mahalanobis.ts";
import { nearestNeighboursDetector } from "./nearest-neighbours.ts";
import { stripDetector } from "./strip.ts";

/** What a detector must know of the inputs. */
export interface DetectorInputs {
  /** The box that they live in. */
  readonly bounds: Bounds;
  readonly layout?: "channels-first" | "channels-last";
}

/** A detector as the command lists it. */
export interface DetectorRow {
  readonly summary: string;
  create(inputs: DetectorInputs): Detector;
}

/** Every detector with its defaults, by the name that the command knows it by. */
export const detectors = {
  binary: { summary: "a network trained on attacked samples", create: binaryDetector },
  "deep-nearest-neighbours": {
    summary: "how many neighbours at all layers are of another class, as a p-value",
    create: () => deepNearestNeighbours(),
  },
  energy: { summary: "the energy of the logits", create: () => energyDetector() },
  "feature-squeezing": {
    summary: "how far probabilities move under one bit and a 2x2 median",
    create: featureSqueezing,
  },
  "layered-intrinsic-dimensionality": {
    summary: "how the distances to clean activations grow, at all layers",
    create: () => layeredIntrinsicDimensionality(),
  },
  "layered-mahalanobis": {
    summary: "the distance to the nearest class mean, at all layers",
    create: () => layeredMahalanobis(),
  },
  "local-intrinsic-dimensionality": {
    summary: "how the distances to clean features grow",
    create: () => localIntrinsicDimensionality(),
  },
  magnet: { summary: "how badly an autoencoder reconstructs an input", create: magNet },
  mahalanobis: {
    summary: "the distance to the nearest class mean, under one covariance",
    create: () => mahalanobisDetector(),
  },
  "nearest-neighbours": {
    summary: "the distance to the nearest clean features",
    create: () => nearestNeighboursDetector(),
  },
  strip: { summary: "how sure predictions stay under other samples", create: stripDetector },
} as const satisfies Record<string, DetectorRow>;

export type DetectorName = keyof typeof detectors;
