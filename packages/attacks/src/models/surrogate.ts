import { tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Classifier, GradientClassifier } from "./classifier.ts";
import { lossesOf } from "./logit-losses.ts";
import { logitSlopes } from "./logit-slopes.ts";

/**
 * A target without gradients, attacked with those of a surrogate: scores, and so what counts as broken, are the target's;
 * losses and gradients the surrogate's. Throws an AttackError SHAPE_MISMATCH where the two take or tell apart different things.
 */
export function withSurrogate(target: Classifier, surrogate: GradientClassifier): GradientClassifier {
  requireAlike("withSurrogate", target, surrogate);
  return {
    ...target,
    logits: (x) => target.logits(x),
    async lossGradient(x, labels, loss, feeds) {
      const result = await surrogate.lossGradient(x, labels, loss, feeds);
      return feeds?.gradientOnly ? result : { ...result, logits: await target.logits(x) };
    },
  };
}

export interface EnsembleOptions {
  /** Share of each member; equal if absent. */
  readonly weights?: readonly number[];
  /** Whether a loss is that of the mean logits, or the mean of the members' losses. */
  readonly combine?: "logits" | "loss";
}

/**
 * Several models as one whose logits are the weighted mean of theirs: what Dong et al. (2018, https://arxiv.org/abs/1710.06081)
 * found to transfer best; they compare it with the mean of the losses. Throws an AttackError where members take or tell apart different things.
 */
export function ensemble(
  members: readonly GradientClassifier[],
  { weights, combine = "logits" }: EnsembleOptions = {},
): GradientClassifier {
  const [first, ...others] = members;
  if (!first) throw new AttackError("INVALID_OPTION", "ensemble: expected at least one model, got none");
  for (const other of others) requireAlike("ensemble", first, other);
  const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? members.length;
  if (weights && (weights.length !== members.length || !(total > 0))) {
    const expected = `${members.length} weights with a positive sum`;
    throw new AttackError("INVALID_OPTION", `ensemble: expected ${expected}, got [${weights}]`);
  }
  const shareOf = (index: number) => (weights?.[index] ?? 1) / total;
  const logits: GradientClassifier["logits"] = async (x) => {
    const mean = tensor([x.shape[0]!, first.classes]);
    for (const [index, member] of members.entries())
      addScaled(mean.data, (await member.logits(x)).data, shareOf(index));
    return mean;
  };
  const meanLoss: GradientClassifier["lossGradient"] = async (x, ...rest) => {
    const mean = {
      logits: tensor([x.shape[0]!, first.classes]),
      loss: new Float32Array(x.shape[0]!),
      gradient: tensor(x.shape),
    };
    for (const [index, member] of members.entries()) {
      const part = await member.lossGradient(x, ...rest);
      addScaled(mean.logits.data, part.logits.data, shareOf(index));
      addScaled(mean.loss, part.loss, shareOf(index));
      addScaled(mean.gradient.data, part.gradient.data, shareOf(index));
    }
    return mean;
  };
  return {
    inputShape: first.inputShape,
    classes: first.classes,
    bounds: first.bounds,
    ...(first.layout && { layout: first.layout }),
    logits,
    async lossGradient(x, labels, loss, feeds = {}) {
      if (combine === "loss") return meanLoss(x, labels, loss, feeds);
      const mean = await logits(x);
      const slopes = logitSlopes(loss, mean.data, labels, feeds);
      const gradient = tensor(x.shape);
      for (const [index, member] of members.entries()) {
        const part = await member.lossGradient(x, labels, "weighted", { weights: slopes });
        addScaled(gradient.data, part.gradient.data, shareOf(index));
      }
      return { logits: mean, loss: Float32Array.from(lossesOf(loss, mean.data, labels, feeds)), gradient };
    },
  };
}

function addScaled(sum: Float32Array, values: Float32Array, scale: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += scale * values[i]!;
}

function requireAlike(where: string, one: Classifier, other: Classifier): void {
  if (one.inputShape.join() === other.inputShape.join() && one.classes === other.classes) return;
  const words = ({ inputShape, classes }: Classifier) => `[${inputShape}] and ${classes} classes`;
  throw new AttackError("SHAPE_MISMATCH", `${where}: expected a model of ${words(one)}, got one of ${words(other)}`);
}
