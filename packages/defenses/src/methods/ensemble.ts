import type { GradientClassifier } from "@casemate/attacks";
import { fillIntegers } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { TrainingMethod } from "../training/method.ts";
import { purposes } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { gradientSignExamples } from "./fgsm.ts";
import { meanOfBlocks, stacked } from "./rows.ts";

/**
 * Ensemble adversarial training (Tramèr et al., 2018, https://arxiv.org/abs/1705.07204): half of each step on clean samples,
 * half on examples of one gradient-sign step that are made with one of several fixed models or with the model itself, drawn
 * anew for each batch, so that the model cannot hide its own gradients from them. Throws a DefenseError INVALID_OPTION without
 * other models, SHAPE_MISMATCH for one that takes or tells apart other things.
 */
export function ensembleTraining(others: readonly GradientClassifier[]): TrainingMethod {
  if (others.length === 0) {
    throw new DefenseError("INVALID_OPTION", "ensemble: expected at least one other model, got none");
  }
  return {
    name: "ensemble",
    source: "Tramèr et al., 2018, https://arxiv.org/abs/1705.07204",
    warning: "meant for attacks that transfer: one who has the model itself needs several steps to break it",
    loss: crossEntropy,
    async step(batch, state) {
      const { threat, trainer, input, rate, classifier: own } = state;
      const sources = [own, ...others];
      const [chosen] = fillIntegers(new Int32Array(1), batch.draw(0, purposes.source), sources.length);
      const source = sources[chosen!]!;
      requireAlike(own, source);
      const examples = await gradientSignExamples(batch, { threat, classifier: source }, true);
      const feeds = { [input]: stacked(batch.x, examples), targets: stacked(batch.targets, batch.targets) };
      const { loss } = await trainer.step(feeds, rate);
      return meanOfBlocks(loss, 2);
    },
  };
}

function requireAlike(own: GradientClassifier, other: GradientClassifier): void {
  if (own.inputShape.join() === other.inputShape.join() && own.classes === other.classes) return;
  const words = ({ inputShape, classes }: GradientClassifier) => `[${inputShape}] and ${classes} classes`;
  throw new DefenseError("SHAPE_MISMATCH", `ensemble: expected models of ${words(own)}, got one of ${words(other)}`);
}
