import type { Attack } from "../attack.ts";
import {
  differentiateInLockstep,
  type GradientAnswer,
  type GradientQuestion,
  type Sample,
  type Solver,
} from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { valueAt } from "../threats/radii.ts";
import { runnerUp } from "./runner-up.ts";

export interface JsmaOptions {
  /** What a step adds to each of two features, as a share of their range; below 0 it is taken away. */
  readonly theta?: number;
  /** The largest share of features that may change. */
  readonly gamma?: number;
}

/**
 * The Jacobian-based saliency map attack (Papernot et al., 2016, https://arxiv.org/abs/1511.07528) with θ and Υ of the paper's
 * digits: each step changes the pair of features that most raises the target's logit while it lowers the sum of the others.
 * Under misclassification the target is the class that comes second at first. Where no pair does both, the sample stands.
 */
export function jsma({ theta = 1, gamma = 0.145 }: JsmaOptions = {}): Attack {
  return {
    name: "JSMA",
    access: "gradient",
    aim: "nearest",
    norms: ["l0"],
    restarts: 0,
    parameters: { theta, gamma },
    citation: { text: "Papernot et al., 2016", url: "https://arxiv.org/abs/1511.07528" },
    async *attempt(search) {
      const steps = Math.floor((gamma * search.width) / 2);
      const solve = (sample: Sample) => saturate(sample, search, { theta, steps });
      for await (const round of differentiateInLockstep(search, "weighted", solve)) {
        yield { step: Math.min(round, steps), steps };
      }
    },
  };
}

function* saturate(
  { origin, goal, start: x, keep }: Sample,
  { width, model: { classes, bounds }, threat: { mask } }: Search,
  { theta, steps }: { readonly theta: number; readonly steps: number },
): Solver<GradientQuestion, GradientAnswer> {
  let target = goal.target;
  if (target === undefined) {
    const { logits }: GradientAnswer = yield {
      count: 1,
      write: (points) => points.set(origin),
      weights: new Float32Array(classes),
    };
    target = runnerUp(logits, goal.label);
  }
  // The sums whose gradients are wanted: the target's logit, and all others.
  const weights = Float32Array.from({ length: 2 * classes }, (_, k) =>
    (k % classes === target) === k < classes ? 1 : 0,
  );
  const limit = theta > 0 ? bounds.upper : bounds.lower;
  const isOpen = (j: number): boolean => {
    const range = valueAt(bounds.upper, j) - valueAt(bounds.lower, j);
    return (!mask || mask[j] === 1) && Math.abs(valueAt(limit, j) - x[j]!) > SATURATED * range;
  };
  for (let step = 1; ; step++) {
    const { adversarial, gradient }: GradientAnswer = yield {
      count: 2,
      write(points) {
        points.set(x);
        points.set(x, width);
      },
      weights,
    };
    if (adversarial[0]) keep(x);
    if (adversarial[0] || step > steps) return undefined;
    const open = Array.from(x.keys()).filter(isOpen);
    const gains = open.map((j) => Math.sign(theta) * gradient[j]!);
    const losses = open.map((j) => -Math.sign(theta) * gradient[width + j]!);
    const pair = bestPair(gains, losses);
    if (!pair) return undefined;
    for (const j of pair.map((index) => open[index]!)) {
      const [low, high] = [valueAt(bounds.lower, j), valueAt(bounds.upper, j)];
      x[j] = Math.min(high, Math.max(low, x[j]! + theta * (high - low)));
    }
  }
}

/** Nearer to its bound than this share of the range a feature has no room left, as in the authors' CleverHans. */
const SATURATED = 0.01;

/**
 * The pair whose sum of gains times sum of losses is largest, both being above 0; undefined if there is none. Only what fewer
 * than two others surpass in both can be in it, which leaves few pairs to compare.
 */
export function bestPair(gains: readonly number[], losses: readonly number[]): [number, number] | undefined {
  const order = gains.map((_, j) => j).sort((a, b) => gains[b]! - gains[a]! || losses[b]! - losses[a]!);
  const front: number[] = [];
  let [first, second] = [-Infinity, -Infinity]; // the largest losses so far
  for (const j of order) {
    const loss = losses[j]!;
    if (loss <= second) continue;
    front.push(j);
    [first, second] = loss > first ? [loss, first] : [first, loss];
  }
  let best: [number, number] | undefined;
  let largest = 0;
  for (const [index, p] of front.entries()) {
    for (const q of front.slice(index + 1)) {
      const [gain, loss] = [gains[p]! + gains[q]!, losses[p]! + losses[q]!];
      if (!(gain > 0 && loss > 0 && gain * loss > largest)) continue;
      largest = gain * loss;
      best = [p, q];
    }
  }
  return best;
}
