import { fillWords, tensor } from "@casemate/tensor";
import { type Ablation, ablatorFor } from "../ablation/ablation.ts";
import type { TrainingMethod } from "../training/method.ts";
import { purposes, widthOf } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";

/**
 * Training on ablated samples (Levine & Feizi, 2020, https://arxiv.org/abs/2002.10733), for a model that will be certified against
 * patches: the cross-entropy at one random position for each sample, which is what the certificate asks the model about. The size
 * is that of the authors' scripts, 4. Its first step throws a DefenseError INVALID_OPTION for a size that does not fit the samples.
 */
export function ablationTraining({ kind = "column", size = 4, ...rest }: Partial<Ablation> = {}): TrainingMethod {
  return {
    name: "ablation",
    source: "Levine & Feizi, 2020, https://arxiv.org/abs/2002.10733",
    loss: crossEntropy,
    async step({ x, targets, draw }, { trainer, classifier, input, rate }) {
      const ablator = ablatorFor("ablation", { kind, size, ...rest }, classifier);
      const width = widthOf(x);
      const views = tensor(x.shape);
      const word = new Uint32Array(1);
      for (let row = 0, start = 0; start < x.data.length; row++, start += width) {
        fillWords(word, draw(row, purposes.noise));
        const position = Math.floor((word[0]! / 2 ** 32) * ablator.positions);
        ablator.ablate(views.data.subarray(start, start + width), x.data, start, position);
      }
      const { loss } = await trainer.step({ [input]: views, targets }, rate);
      return loss;
    },
  };
}
