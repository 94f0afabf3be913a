import type { Attack } from "../attack.ts";
import { finiteBounds } from "../decision/decision-start.ts";
import {
  differentiateInLockstep,
  type GradientAnswer,
  type GradientQuestion,
  type Sample,
  type Solver,
} from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { quasiNewton } from "./quasi-newton.ts";
import { runnerUp } from "./runner-up.ts";

export interface LbfgsOptions {
  /** Weights of the loss that are tried: from the first, ten times as much until one is enough, then by bisection. */
  readonly searchSteps?: number;
  /** The first weight of the loss beside the squared distance, in units of the input's range. */
  readonly initialConstant?: number;
  /** The most iterations for each weight. */
  readonly iterations?: number;
}

/**
 * The first attack on neural networks (Szegedy et al., 2014, https://arxiv.org/abs/1312.6199): minimises the squared distance plus a
 * multiple of the target's cross-entropy within the bounds by L-BFGS, and looks for the smallest multiple that is enough. Under
 * misclassification the target is the class that comes second at first.
 */
export function lbfgs({ searchSteps = 9, initialConstant = 0.01, iterations = 1000 }: LbfgsOptions = {}): Attack {
  const parameters = { searchSteps, initialConstant, iterations };
  return {
    name: "L-BFGS",
    access: "gradient",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    loss: "cross-entropy",
    parameters,
    citation: { text: "Szegedy et al., 2014", url: "https://arxiv.org/abs/1312.6199" },
    async *attempt(search) {
      const { low, high } = finiteBounds(search, "L-BFGS");
      const range = high.reduce((sum, each, j) => sum + each - low[j]!, 0) / high.length;
      const solve = (sample: Sample) => penalize(sample, search, { low, high, range }, parameters);
      const steps = searchSteps * iterations;
      for await (const round of differentiateInLockstep(search, "targeted-cross-entropy", solve)) {
        yield { step: Math.min(round, steps), steps };
      }
    },
  };
}

function* penalize(
  { origin, goal, keep }: Sample,
  { width, threat: { mask } }: Search,
  { low, high, range }: { readonly low: Float64Array; readonly high: Float64Array; readonly range: number },
  { searchSteps, initialConstant, iterations }: Required<LbfgsOptions>,
): Solver<GradientQuestion, GradientAnswer> {
  const question = (x: ArrayLike<number>, target: number): GradientQuestion => ({
    count: 1,
    write: (points) => points.set(x),
    targets: [target],
  });
  let target = goal.target;
  if (target === undefined) {
    const { logits }: GradientAnswer = yield question(origin, goal.label === 0 ? 1 : 0);
    target = runnerUp(logits, goal.label);
  }
  let [constant, least, most] = [initialConstant, 0, Infinity];
  for (let step = 0; step < searchSteps; step++) {
    const descent = quasiNewton(Float64Array.from(origin), { lower: low, upper: high }, iterations);
    let isEnough = false; // whether the lowest point is adversarial
    let lowest = Infinity;
    for (let next = descent.next(); !next.done; ) {
      const x = next.value;
      const answer: GradientAnswer = yield question(x, target);
      if (answer.adversarial[0]) keep(answer.points);
      // The loss is climbed: it is less the cross-entropy.
      let distance = 0;
      const gradient = new Float64Array(width);
      for (let j = 0; j < width; j++) {
        const change = (x[j]! - origin[j]!) / range;
        distance += change * change;
        gradient[j] = !mask || mask[j] ? (2 * change) / range - constant * answer.gradient[j]! : 0;
      }
      const value = distance - constant * answer.loss[0]!;
      if (value < lowest) [lowest, isEnough] = [value, answer.adversarial[0] === 1];
      next = descent.next({ value, gradient });
    }
    if (isEnough) most = constant;
    else least = constant;
    constant = Number.isFinite(most) ? (least + most) / 2 : 10 * constant;
  }
  return undefined;
}
