import type { Bounds } from "@casemate/attacks";
import type { Detector } from "./detector.ts";
import { energyDetector } from "./energy.ts";
import { featureSqueezing } from "./feature-squeezing.ts";
import { localIntrinsicDimensionality } from "./local-intrinsic-dimensionality.ts";
import { mahalanobisDetector } from "./mahalanobis.ts";
import { nearestNeighboursDetector } from "./nearest-neighbours.ts";

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
  energy: { summary: "the energy of the logits", create: () => energyDetector() },
  "feature-squeezing": {
    summary: "how far probabilities move under one bit and a 2x2 median",
    create: featureSqueezing,
  },
  "local-intrinsic-dimensionality": {
    summary: "how the distances to clean features grow",
    create: () => localIntrinsicDimensionality(),
  },
  mahalanobis: {
    summary: "the distance to the nearest class mean, under one covariance",
    create: () => mahalanobisDetector(),
  },
  "nearest-neighbours": {
    summary: "the distance to the nearest clean features",
    create: () => nearestNeighboursDetector(),
  },
} as const satisfies Record<string, DetectorRow>;

export type DetectorName = keyof typeof detectors;
