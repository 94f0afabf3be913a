import { bitDepth } from "./bit-depth.ts";
import { gaussianBlurPurification } from "./gaussian-blur.ts";
import { gaussianNoisePurification } from "./gaussian-noise.ts";
import { jpeg } from "./jpeg.ts";
import { medianFilter } from "./median-filter.ts";
import {
  labelOnly,
  type OutputHardening,
  outputNoise,
  reverseSigmoidAnswers,
  roundedOutputs,
  topK,
} from "./output-hardening.ts";
import type { Purification } from "./purification.ts";
import { totalVariance } from "./total-variance.ts";

interface Row<T> {
  /** What can be set, with the default. */
  readonly options: Readonly<Record<string, number>>;
  readonly summary: string;
  readonly make: (options: Readonly<Record<string, number>>) => T;
}

/** What can stand before a model, by name. */
export const purifications: Readonly<Record<string, Row<Purification>>> = {
  "bit-depth": { options: { bits: 8 }, summary: "rounds to 2^bits values", make: bitDepth },
  "gaussian-blur": { options: { deviation: 1 }, summary: "blurs, in pixels", make: gaussianBlurPurification },
  "gaussian-noise": {
    options: { deviation: 0.1 },
    summary: "adds noise, in shares of the range",
    make: gaussianNoisePurification,
  },
  jpeg: { options: { quality: 75 }, summary: "compresses and decompresses", make: jpeg },
  median: { options: { size: 3 }, summary: "takes medians of windows", make: medianFilter },
  "total-variance": {
    options: { kept: 0.5, weight: 0.03, iterations: 200 },
    summary: "drops pixels and fills them in smoothly",
    make: totalVariance,
  },
};

/** What can stand behind a model, by name. */
export const outputHardenings: Readonly<Record<string, Row<OutputHardening>>> = {
  "label-only": { options: {}, summary: "gives the class alone, as 1 among 0", make: labelOnly },
  noise: { options: { deviation: 0.1 }, summary: "adds noise to probabilities", make: outputNoise },
  "reverse-sigmoid": { options: { beta: 1, gamma: 0.1 }, summary: "bends probabilities", make: reverseSigmoidAnswers },
  round: { options: { decimals: 3 }, summary: "rounds probabilities", make: roundedOutputs },
  "top-k": { options: { k: 1 }, summary: "gives the k largest, the others as 0", make: topK },
};
