import type { GradientClassifier } from "@casemate/attacks";
import type { LabelledSamples } from "../training/validate.ts";

/**
 * Loss sensitivity (Arpit et al., 2017, https://arxiv.org/abs/1706.05394): the mean over samples of the L2 norm of the gradient of
 * the cross-entropy with respect to the input, in nats per unit of the input.
 */
export async function lossSensitivity(model: GradientClassifier, { x, labels }: LabelledSamples): Promise<number> {
  const { gradient } = await model.lossGradient(x, labels, "cross-entropy");
  const width = gradient.data.length / labels.length;
  let sum = 0;
  for (let row = 0; row < labels.length; row++) {
    let square = 0;
    for (let j = row * width; j < (row + 1) * width; j++) square += gradient.data[j]! ** 2;
    sum += Math.sqrt(square);
  }
  return sum / labels.length;
}
