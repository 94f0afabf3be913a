import type { Classifier } from "@casemate/attacks";
import { DefenseError } from "../errors.ts";
import type { TrainingMethod } from "../training/method.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { softmax } from "./rows.ts";

export interface DistillationOptions {
  /** What logits are divided by while training. */
  readonly temperature?: number;
  /** A model that was trained at the same temperature; without one the true classes are learned, as the teacher is to. */
  readonly teacher?: Classifier;
}

/**
 * Defensive distillation (Papernot et al., 2016, https://arxiv.org/abs/1511.04508): first a teacher learns the classes with its
 * logits divided by a temperature, then a student learns the teacher's softmax at that temperature. Served without the division,
 * the student is so sure of itself that gradients vanish, which is all that there is to it: kept for study. Throws a
 * DefenseError INVALID_OPTION for a temperature that is not above 0.
 */
export function distillation({ temperature = 20, teacher }: DistillationOptions = {}): TrainingMethod {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new DefenseError("INVALID_OPTION", `distillation: expected a temperature above 0, got ${temperature}`);
  }
  return {
    name: "distillation",
    source: "Papernot et al., 2016, https://arxiv.org/abs/1511.04508",
    warning: "broken by Carlini & Wagner (2017, https://arxiv.org/abs/1608.04644): it hides gradients; for study only",
    loss: (classes) => crossEntropy(classes, temperature),
    async step({ x, targets }, { trainer, input, rate }) {
      const soft = teacher ? softmax(await teacher.logits(x), temperature) : targets;
      const { loss } = await trainer.step({ [input]: x, targets: soft }, rate);
      return loss;
    },
  };
}
