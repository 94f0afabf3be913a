import { clip, type Tensor, tensor } from "@casemate/tensor";
import type { Batch, TrainingMethod, TrainingState } from "../training/method.ts";
import { repaired, widthOf } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";

export interface FgsmTrainingOptions {
  /**
   * "adversarial-only": the clean gradient only makes the example, and the optimiser takes one step, on it.
   * "clean-then-adversarial": a step on the clean batch, then one on the examples that the new weights fall for.
   */
  readonly mode?: "adversarial-only" | "clean-then-adversarial";
  /** Bring examples back to within the bounds; on in "clean-then-adversarial" unless stated. */
  readonly clipExamples?: boolean;
}

/**
 * Adversarial training with the fast gradient sign method (Goodfellow et al., 2015, https://arxiv.org/abs/1412.6572): one
 * step of a whole epsilon from the sample. "adversarial-only" is the snippet that many tutorials give, without a random start
 * and without a clip.
 */
export function fgsmTraining({
  mode = "adversarial-only",
  clipExamples = mode === "clean-then-adversarial",
}: FgsmTrainingOptions = {}): TrainingMethod {
  return {
    name: "fgsm",
    source: "Goodfellow et al., 2015, https://arxiv.org/abs/1412.6572",
    warning: "falls to attacks of several steps (catastrophic overfitting): choose pgd, trades or at least fast",
    loss: crossEntropy,
    async step(batch, state) {
      const { trainer, input, rate } = state;
      const { x, targets } = batch;
      if (mode === "clean-then-adversarial") await trainer.step({ [input]: x, targets }, rate);
      const examples = await gradientSignExamples(batch, state, clipExamples);
      const { loss } = await trainer.step({ [input]: examples, targets }, rate);
      return loss;
    },
  };
}

/** The clean samples moved by a whole epsilon where the cross-entropy of the true classes rises the most. */
export async function gradientSignExamples(
  { x, labels }: Batch,
  { threat, classifier }: Pick<TrainingState, "threat" | "classifier">,
  clipExamples: boolean,
): Promise<Tensor> {
  const { gradient } = await classifier.lossGradient(x, labels, "cross-entropy");
  const change = new Float32Array(x.data.length);
  threat.steepest(gradient.data, change, widthOf(x));
  for (let i = 0; i < change.length; i++) change[i]! += x.data[i]!;
  if (clipExamples) clip(change, classifier.bounds.lower, classifier.bounds.upper);
  return repaired(tensor(x.shape, change), x, threat);
}
