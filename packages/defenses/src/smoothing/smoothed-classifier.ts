import { type Classifier, contentDraw, type GradientClassifier } from "@casemate/attacks";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { addNoise, type NoiseOptions, requireNoise, requireWhole, voteOf } from "./votes.ts";

export interface SmoothedClassifierOptions extends Pick<NoiseOptions, "sigma" | "batchSize" | "seed" | "signal"> {
  /** Noisy copies of each sample that vote. */
  readonly copies?: number;
}

/**
 * The smoothed classifier (Cohen et al., 2019, https://arxiv.org/abs/1902.02918) as a model to attack: its scores [batch, classes]
 * are the shares of the votes, its loss and gradient, where the model has such, means over the copies (expectation over
 * transformation). The noise follows from the seed and the sample's own numbers, so that a changed sample meets other noise, as
 * when it serves. It certifies nothing: `certify` does. Throws a DefenseError INVALID_OPTION for a sigma or copies that make no sense.
 */
export function smoothedClassifier<C extends Classifier>(model: C, options: SmoothedClassifierOptions): C {
  const { sigma, copies = 100, batchSize = 1000, seed = 0, signal } = options;
  const { classes, inputShape } = model;
  requireNoise("smoothedClassifier", model, tensor([0, ...inputShape]), { sigma, batchSize });
  requireWhole("smoothedClassifier", "copies", copies);
  const width = sizeOf(inputShape);
  const blur = (target: Float32Array, x: Tensor, row: number, copy: number): void => {
    const own = x.data.subarray(row * width, (row + 1) * width);
    addNoise(target, x.data, row * width, sigma, contentDraw(seed, own, copy));
  };

  async function logits(x: Tensor): Promise<Tensor> {
    const total = x.shape[0]! * copies;
    const shares = tensor([x.shape[0]!, classes]);
    for (let start = 0; start < total; start += batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(batchSize, total - start);
      const noisy = tensor([rows, ...inputShape]);
      for (let i = 0; i < rows; i++) {
        const [row, copy] = [Math.floor((start + i) / copies), (start + i) % copies];
        blur(noisy.data.subarray(i * width, (i + 1) * width), x, row, copy);
      }
      const { data } = await model.logits(noisy);
      for (let i = 0; i < rows; i++) {
        const vote = voteOf(data, i * classes, classes);
        if (vote >= 0) shares.data[Math.floor((start + i) / copies) * classes + vote]! += 1;
      }
    }
    for (let i = 0; i < shares.data.length; i++) shares.data[i]! /= copies;
    return shares;
  }

  if (!isDifferentiable(model)) return { ...model, logits };
  const lossGradient: GradientClassifier["lossGradient"] = async (x, ...rest) => {
    const rows = x.shape[0]!;
    const loss = new Float32Array(rows);
    const gradient = tensor(x.shape);
    const shares = tensor([rows, classes]);
    for (let copy = 0; copy < copies; copy++) {
      signal?.throwIfAborted();
      const noisy = tensor(x.shape);
      for (let row = 0; row < rows; row++) blur(noisy.data.subarray(row * width, (row + 1) * width), x, row, copy);
      const found = await model.lossGradient(noisy, ...rest);
      for (let row = 0; row < rows; row++) {
        loss[row]! += found.loss[row]! / copies;
        const vote = voteOf(found.logits.data, row * classes, classes);
        if (vote >= 0) shares.data[row * classes + vote]! += 1;
      }
      for (let i = 0; i < gradient.data.length; i++) gradient.data[i]! += found.gradient.data[i]! / copies;
    }
    for (let i = 0; i < shares.data.length; i++) shares.data[i]! /= copies;
    return { logits: shares, loss, gradient };
  };
  return { ...model, logits, lossGradient };
}

function isDifferentiable<C extends Classifier>(model: C): model is C & GradientClassifier {
  return "lossGradient" in model;
}
