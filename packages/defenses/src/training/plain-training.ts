import { crossEntropy } from "../methods/cross-entropy.ts";
import type { TrainingMethod } from "./method.ts";

/** Training on the samples as they are: weights descend the cross-entropy. It makes nothing robust. */
export function plainTraining(): TrainingMethod {
  return {
    name: "plain",
    source: "https://en.wikipedia.org/wiki/Cross-entropy",
    loss: crossEntropy,
    leavesSamples: true,
    async step({ x, targets }, { trainer, input, rate }) {
      const { loss } = await trainer.step({ [input]: x, targets }, rate);
      return loss;
    },
  };
}
