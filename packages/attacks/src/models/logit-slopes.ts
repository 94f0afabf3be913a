import type { Loss, LossFeeds } from "./classifier.ts";

/** One row: its logits, the classes that its loss is about, and where its slopes go, which are 0 before. */
interface Row {
  readonly z: Float32Array;
  readonly label: number;
  readonly target: number | undefined;
  readonly weights: Float32Array | undefined;
  readonly slopes: Float32Array;
}

/**
 * How each loss changes with each logit: d loss / d logits [rows, classes], for models that are made of others or of what
 * follows them. Together with the loss "weighted" of a model that gives the gradient by the chain rule.
 */
export function logitSlopes(
  loss: Loss,
  logits: Float32Array,
  labels: ArrayLike<number>,
  { targets, weights }: LossFeeds = {},
): Float32Array {
  const slopes = new Float32Array(logits.length);
  const classes = labels.length === 0 ? 0 : logits.length / labels.length;
  for (let row = 0; row < labels.length; row++) {
    const [start, end] = [row * classes, (row + 1) * classes];
    formulas[loss]({
      z: logits.subarray(start, end),
      label: labels[row]!,
      target: targets?.[row],
      weights: weights?.subarray(start, end),
      slopes: slopes.subarray(start, end),
    });
  }
  return slopes;
}

const formulas: Record<Loss, (row: Row) => void> = {
  "cross-entropy": ({ z, label, slopes }) => towards(z, label, 1, slopes),
  "targeted-cross-entropy": ({ z, target, slopes }) => towards(z, target!, -1, slopes),
  margin: ({ z, label, slopes }) => between(largestBut(z, label), label, slopes),
  "targeted-margin": ({ z, target, slopes }) => between(target!, largestBut(z, target!), slopes),
  difference: ({ z: _, label, target, slopes }) => between(target!, label, slopes),
  dlr({ z, label, slopes }) {
    const [first, , third] = descending(z);
    const other = largestBut(z, label);
    ratio({ up: other, down: label, z, slopes }, [
      [first!, 1],
      [third!, -1],
    ]);
  },
  "targeted-dlr"({ z, label, target, slopes }) {
    const [first, , third, fourth] = descending(z);
    ratio({ up: target!, down: label, z, slopes }, [
      [first!, 1],
      [third!, -0.5],
      [fourth!, -0.5],
    ]);
  },
  divergence({ z, weights, slopes }) {
    const total = weights!.reduce((sum, weight) => sum + weight, 0);
    softmaxInto(z, slopes);
    for (let k = 0; k < z.length; k++) slopes[k] = total * slopes[k]! - weights![k]!;
  },
  weighted: ({ weights, slopes }) => slopes.set(weights!),
};

/** Of the cross-entropy of a class, or its negative. */
function towards(z: Float32Array, pivot: number, sign: 1 | -1, slopes: Float32Array): void {
  softmaxInto(z, slopes);
  for (let k = 0; k < z.length; k++) slopes[k] = sign * (slopes[k]! - (k === pivot ? 1 : 0));
}

function between(up: number, down: number, slopes: Float32Array): void {
  slopes[up]! += 1;
  slopes[down]! -= 1;
}

/** Of (z_up − z_down) / (Σ share · z), each share with the class that it is of. */
function ratio(
  { up, down, z, slopes }: Pick<Row, "z" | "slopes"> & { readonly up: number; readonly down: number },
  scale: readonly (readonly [k: number, share: number])[],
): void {
  const divisor = scale.reduce((sum, [k, share]) => sum + share * z[k]!, 1e-12);
  slopes[up]! += 1 / divisor;
  slopes[down]! -= 1 / divisor;
  const slope = -(z[up]! - z[down]!) / divisor ** 2;
  for (const [k, share] of scale) slopes[k]! += share * slope;
}

function softmaxInto(z: Float32Array, target: Float32Array): void {
  const largest = z.reduce((most, each) => Math.max(most, each), -Infinity);
  let sum = 0;
  for (let k = 0; k < z.length; k++) sum += target[k] = Math.exp(z[k]! - largest);
  for (let k = 0; k < z.length; k++) target[k]! /= sum;
}

function largestBut(z: Float32Array, excluded: number): number {
  let best = -1;
  for (let k = 0; k < z.length; k++) if (k !== excluded && (best < 0 || z[k]! > z[best]!)) best = k;
  return best;
}

/** Classes from the largest logit to the smallest. */
function descending(z: Float32Array): number[] {
  return [...z.keys()].sort((a, b) => z[b]! - z[a]!);
}
