import type { TrainingMethod } from "../training/method.ts";
import { randomPoints } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { climbCrossEntropy } from "./pgd.ts";

export interface FastTrainingOptions {
  /** Length of the one step in units of epsilon. */
  readonly stepSize?: number;
}

/**
 * "Fast is better than free" (Wong et al., 2020, https://arxiv.org/abs/2001.03994): one step from a random point of the ball,
 * a little longer than epsilon, then back into the ball and the bounds. The defaults are the paper's.
 */
export function fastTraining({ stepSize = 1.25 }: FastTrainingOptions = {}): TrainingMethod {
  return {
    name: "fast",
    source: "Wong et al., 2020, https://arxiv.org/abs/2001.03994",
    loss: crossEntropy,
    async step(batch, state) {
      const examples = await climbCrossEntropy(randomPoints(batch, state), batch, state, { steps: 1, stepSize });
      const { loss } = await state.trainer.step({ [state.input]: examples, targets: batch.targets }, state.rate);
      return loss;
    },
  };
}
