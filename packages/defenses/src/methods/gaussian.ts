import { fillNormal, type Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Batch, TrainingMethod } from "../training/method.ts";
import { purposes, widthOf } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { copyOf } from "./rows.ts";

export interface GaussianTrainingOptions {
  /** Standard deviation of the noise, in the units of the input: that which the model will be smoothed with. */
  readonly sigma?: number;
}

/**
 * Training on noisy samples (Cohen et al., 2019, https://arxiv.org/abs/1902.02918), for a model that will be smoothed: the
 * cross-entropy at x + N(0, sigma²). As there, the noise is not clipped to the bounds. Throws a DefenseError INVALID_OPTION
 * for a sigma that is not above 0.
 */
export function gaussianTraining({ sigma = 0.25 }: GaussianTrainingOptions = {}): TrainingMethod {
  checkSigma("gaussian", sigma);
  return {
    name: "gaussian",
    source: "Cohen et al., 2019, https://arxiv.org/abs/1902.02918",
    loss: crossEntropy,
    async step(batch, { trainer, input, rate }) {
      const noisy = copyOf(batch.x);
      addNoise(noisy, batch, sigma, 0);
      const { loss } = await trainer.step({ [input]: noisy, targets: batch.targets }, rate);
      return loss;
    },
  };
}

/** Adds N(0, sigma²) to each row in place; `copy` tells several noises of one sample apart. */
export function addNoise({ data }: Tensor, { x, draw }: Batch, sigma: number, copy: number): void {
  const width = widthOf(x);
  const noise = new Float32Array(width);
  for (let row = 0, start = 0; start < data.length; row++, start += width) {
    fillNormal(noise, draw(row, purposes.noise + copy));
    for (let j = 0; j < width; j++) data[start + j]! += sigma * noise[j]!;
  }
}

/** Throws a DefenseError INVALID_OPTION for a sigma that is not above 0. */
export function checkSigma(method: string, sigma: number): void {
  if (sigma > 0 && Number.isFinite(sigma)) return;
  throw new DefenseError("INVALID_OPTION", `${method}: expected a sigma above 0, got ${sigma}`);
}
