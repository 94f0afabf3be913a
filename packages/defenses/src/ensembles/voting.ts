import type { Classifier } from "@casemate/attacks";
import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";

/**
 * Several models as one by plurality: its scores are the shares of the votes [batch, classes], so a tie goes to the smaller class.
 * For the mean of logits, with gradients, see `ensemble` of `@casemate/attacks`. Throws a DefenseError INVALID_OPTION without
 * members, SHAPE_MISMATCH where they take or tell apart different things.
 */
export function voting(members: readonly Classifier[]): Classifier {
  const first = alike("voting", members);
  return {
    inputShape: first.inputShape,
    classes: first.classes,
    bounds: first.bounds,
    ...(first.layout && { layout: first.layout }),
    async logits(x) {
      const shares = tensor([x.shape[0]!, first.classes]);
      for (const member of members) {
        const { data } = await member.logits(x);
        for (let row = 0; row < shares.shape[0]!; row++) {
          shares.data[row * first.classes + largest(data, row * first.classes, first.classes)]! += 1 / members.length;
        }
      }
      return shares;
    },
  };
}

/**
 * How much members disagree about each sample [batch], in nats: the entropy of their mean softmax less the mean of their
 * entropies (the Jensen-Shannon divergence; Lin, 1991, https://doi.org/10.1109/18.61115). 0 where all say the same, at most the
 * logarithm of the number of members.
 */
export async function disagreement(members: readonly Classifier[], x: Tensor): Promise<Float32Array> {
  const { classes } = alike("disagreement", members);
  const rows = x.shape[0]!;
  const mean = new Float64Array(rows * classes);
  const score = new Float32Array(rows);
  for (const member of members) {
    const { data } = await member.logits(x);
    for (let row = 0; row < rows; row++) {
      const probabilities = softmax(data, row * classes, classes);
      for (const [k, p] of probabilities.entries()) mean[row * classes + k]! += p / members.length;
      score[row]! -= entropy(probabilities) / members.length;
    }
  }
  return score.map((less, row) => Math.max(0, entropy(mean.subarray(row * classes, (row + 1) * classes)) + less));
}

function alike(where: string, members: readonly Classifier[]): Classifier {
  const [first, ...others] = members;
  if (!first) throw new DefenseError("INVALID_OPTION", `${where}: expected at least one model, got none`);
  const words = ({ inputShape, classes }: Classifier) => `[${inputShape}] and ${classes} classes`;
  for (const other of others) {
    if (words(other) !== words(first)) {
      throw new DefenseError(
        "SHAPE_MISMATCH",
        `${where}: expected models of ${words(first)}, got one of ${words(other)}`,
      );
    }
  }
  return first;
}

/** The first of the largest. */
export function largest(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[start + k]! > values[start + best]!) best = k;
  return best;
}

function softmax(logits: Float32Array, start: number, classes: number): Float64Array {
  const top = logits[start + largest(logits, start, classes)]!;
  const powers = Float64Array.from({ length: classes }, (_, k) => Math.exp(logits[start + k]! - top));
  const sum = powers.reduce((total, each) => total + each, 0);
  return powers.map((each) => each / sum);
}

function entropy(probabilities: Float64Array): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}
