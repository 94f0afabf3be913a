import type { Goal } from "../criterion.ts";
import { AttackError } from "../errors.ts";
import type { Loss, LossFeeds } from "./classifier.ts";
import { fewestClasses } from "./losses.ts";

/** A row of logits, in float32 as the model gave them, and what the loss of it depends on. */
export interface LogitRow {
  readonly logits: Float32Array;
  readonly label: number;
  /** For the targeted losses and "difference". */
  readonly target?: number | undefined;
  /** A number per logit, for "divergence" and "weighted". */
  readonly weights?: Float32Array | undefined;
}

/** The loss of each row of `logits` [rows, classes]: what `lossSubgraph` computes, for models that are no graphs. Throws as it does. */
export function lossesOf(
  loss: Loss,
  logits: Float32Array,
  labels: ArrayLike<number>,
  { targets, weights }: LossFeeds = {},
): Float64Array {
  const classes = labels.length === 0 ? 0 : logits.length / labels.length;
  if (labels.length > 0 && classes < fewestClasses[loss]) {
    throw new AttackError(
      "UNSUPPORTED_MODEL",
      `${loss}: expected at least ${fewestClasses[loss]} classes, got ${classes}`,
    );
  }
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const [start, end] = [row * classes, (row + 1) * classes];
    return formulas[loss]({
      logits: logits.subarray(start, end),
      label: labels[row]!,
      target: targets?.[row],
      weights: weights?.subarray(start, end),
    });
  });
}

/** The cross-entropy that an attack climbs towards its goal: that of the label or, where there is a target, less that of the target. */
export function crossEntropyTowards(goal: Goal, logits: Float32Array): number {
  return formulas[goal.target === undefined ? "cross-entropy" : "targeted-cross-entropy"]({ logits, ...goal });
}

/** The logarithm of the odds of what the attack wants: of the target or, where there is none, of any class but the label. */
export function logOddsTowards({ label, target }: Goal, logits: Float32Array): number {
  const pivot = target ?? label;
  const others = logits.slice();
  others[pivot] = -Infinity;
  const lead = logits[pivot]! - logSumOfExponentials(others);
  return target === undefined ? -lead : lead;
}

const formulas: Record<Loss, (row: LogitRow) => number> = {
  "cross-entropy": ({ logits, label }) => logSumOfExponentials(logits) - logits[label]!,
  "targeted-cross-entropy": ({ logits, target }) => logits[target!]! - logSumOfExponentials(logits),
  margin: ({ logits, label }) => largestBut(logits, label) - logits[label]!,
  "targeted-margin": ({ logits, target }) => logits[target!]! - largestBut(logits, target!),
  dlr({ logits, label }) {
    const [first, , third] = leaders(logits, 3);
    return (largestBut(logits, label) - logits[label]!) / (first! - third! + SMALLEST_DIFFERENCE);
  },
  "targeted-dlr"({ logits, label, target }) {
    const [first, , third, fourth] = leaders(logits, 4);
    return (logits[target!]! - logits[label]!) / (first! - (third! + fourth!) / 2 + SMALLEST_DIFFERENCE);
  },
  difference: ({ logits, label, target }) => logits[target!]! - logits[label]!,
  divergence({ logits, weights }) {
    const total = logSumOfExponentials(logits);
    let sum = 0;
    for (let k = 0; k < logits.length; k++) {
      const p = weights![k]!;
      if (p > 0) sum += p * (Math.log(p) - (logits[k]! - total));
    }
    return sum;
  },
  weighted({ logits, weights }) {
    let sum = 0;
    for (let k = 0; k < logits.length; k++) sum += logits[k]! * weights![k]!;
    return sum;
  },
};

const SMALLEST_DIFFERENCE = 1e-12; // as in `lossSubgraph`

function logSumOfExponentials(logits: Float32Array): number {
  let largest = -Infinity;
  for (let k = 0; k < logits.length; k++) {
    if (Number.isNaN(logits[k]!)) return Number.NaN;
    if (logits[k]! > largest) largest = logits[k]!;
  }
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - largest);
  return largest + Math.log(sum);
}

/** The largest logit of all classes but one; not a number if one of them is not. */
function largestBut(logits: Float32Array, excluded: number): number {
  let largest = -Infinity;
  for (let k = 0; k < logits.length; k++) {
    if (Number.isNaN(logits[k]!)) return Number.NaN;
    if (k !== excluded && logits[k]! > largest) largest = logits[k]!;
  }
  return largest;
}

function leaders(logits: Float32Array, count: number): Float32Array {
  return logits.slice().sort().reverse().subarray(0, count);
}
