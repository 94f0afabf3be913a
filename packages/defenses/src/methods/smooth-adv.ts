import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { TrainingMethod, TrainingState } from "../training/method.ts";
import { type AscentOptions, ascend, widthOf } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { addNoise, checkSigma } from "./gaussian.ts";
import { copyOf, meanOfBlocks, stacked } from "./rows.ts";

export interface SmoothAdvOptions extends Partial<AscentOptions> {
  /** Standard deviation of the noise, in the units of the input. */
  readonly sigma?: number;
  /** Noises that stand for all noise, of each sample. */
  readonly copies?: number;
}

/**
 * SmoothAdv (Salman et al., 2019, https://arxiv.org/abs/1906.04584): adversarial training of the smoothed model, meant for L2.
 * Climbs −log of the mean softmax over a few noises, which stay the same during the climb, and trains on the example under
 * each of them. It starts at the sample, with steps of twice the radius over their number; ten steps and sigma 0.25 are among
 * the authors' settings. Throws a DefenseError INVALID_OPTION for a sigma not above 0 or copies not a whole number from 1.
 */
export function smoothAdv({
  sigma = 0.25,
  copies = 2,
  steps = 10,
  stepSize = 2 / steps,
}: SmoothAdvOptions = {}): TrainingMethod {
  checkSigma("smooth-adv", sigma);
  if (!(Number.isInteger(copies) && copies >= 1)) {
    throw new DefenseError("INVALID_OPTION", `smooth-adv: expected a whole number of copies from 1, got ${copies}`);
  }
  return {
    name: "smooth-adv",
    source: "Salman et al., 2019, https://arxiv.org/abs/1906.04584",
    loss: crossEntropy,
    gradientsPerStep: steps * copies,
    async step(batch, state) {
      const noises = Array.from({ length: copies }, (_, copy) => {
        const noise = tensor(batch.x.shape);
        addNoise(noise, batch, sigma, copy);
        return noise;
      });
      const all = stacked(...noises);
      const examples = await ascend(copyOf(batch.x), batch.x, state, { steps, stepSize }, (points) =>
        smoothedSlopes(under(points, all), batch.labels, state),
      );
      const targets = stacked(...noises.map(() => batch.targets));
      const { loss } = await state.trainer.step({ [state.input]: under(examples, all), targets }, state.rate);
      return meanOfBlocks(loss, copies);
    },
  };
}

/** Each of the noises on top of the points, block by block. */
function under({ data: points }: Tensor, { shape, data: noise }: Tensor): Tensor {
  const noisy = tensor(shape);
  for (let i = 0; i < noise.length; i++) noisy.data[i] = points[i % points.length]! + noise[i]!;
  return noisy;
}

/** The gradient of −log (mean over blocks of p(label)): that of each block's −log p, weighted by its share of the mean. */
async function smoothedSlopes(noisy: Tensor, labels: Int32Array, { classifier }: TrainingState): Promise<Tensor> {
  const rows = labels.length;
  const copies = noisy.shape[0]! / rows;
  const repeated = Int32Array.from({ length: rows * copies }, (_, i) => labels[i % rows]!);
  const { loss, gradient } = await classifier.lossGradient(noisy, repeated, "cross-entropy");
  const width = widthOf(noisy);
  const slopes = tensor([rows, ...noisy.shape.slice(1)]);
  for (let row = 0; row < rows; row++) {
    let least = Infinity; // keeps the shares from being 0/0 where all probabilities are tiny
    for (let i = row; i < loss.length; i += rows) least = Math.min(least, loss[i]!);
    let total = 0;
    for (let i = row; i < loss.length; i += rows) total += Math.exp(least - loss[i]!);
    for (let i = row; i < loss.length; i += rows) {
      const share = Math.exp(least - loss[i]!) / total;
      for (let j = 0; j < width; j++) slopes.data[row * width + j]! += share * gradient.data[i * width + j]!;
    }
  }
  return slopes;
}
