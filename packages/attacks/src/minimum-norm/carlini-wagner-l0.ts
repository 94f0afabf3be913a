import type { Attack } from "../attack.ts";
import {
  at,
  differentiateInLockstep,
  type GradientAnswer,
  type GradientQuestion,
  type Sample,
  type Solver,
} from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { lossFor } from "../models/losses.ts";
import { maskSlopes, meanRange } from "./box.ts";
import { BoxDescent } from "./box-descent.ts";

export interface CarliniWagnerL0Options {
  /** Steps of Adam with each constant, at most. */
  readonly iterations?: number;
  readonly learningRate?: number;
  /** What the margin is weighed with at first; doubled where it is not enough, until it is as large as `largestConstant`. */
  readonly initialConstant?: number;
  readonly largestConstant?: number;
}

/**
 * Carlini and Wagner's attack in L0 (2017, https://arxiv.org/abs/1608.04644) with the defaults of the authors' code: an attack in L2
 * tells which features matter least, these are put back for good, and it goes on from there until it fails. What matters is
 * measured by the gradient of the margin, as in the paper; the authors' code takes that of the loss with the distance. Features
 * count one by one, not as pixels. Throws an AttackError UNSUPPORTED_MODEL for bounds that are not finite.
 */
export function carliniWagnerL0({
  iterations = 1000,
  learningRate = 0.01,
  initialConstant = 1e-3,
  largestConstant = 2e6,
}: CarliniWagnerL0Options = {}): Attack {
  const parameters = { iterations, learningRate, initialConstant, largestConstant };
  return {
    name: "C&W L0",
    access: "gradient",
    aim: "nearest",
    norms: ["l0"],
    restarts: 0,
    loss: "margin",
    parameters,
    citation: { text: "Carlini & Wagner, 2017", url: "https://arxiv.org/abs/1608.04644" },
    async *attempt(search) {
      const constants = Math.log2(largestConstant / initialConstant);
      const steps = Math.ceil(search.width + constants) * iterations;
      const descent = new BoxDescent(search.model.bounds, search.width, learningRate, "C&W L0");
      const loss = lossFor("margin", search.model.classes, search.goal(0).target !== undefined);
      const solve = (sample: Sample) => thinOut(sample, search, descent, parameters);
      for await (const step of differentiateInLockstep(search, loss, solve)) yield { step, steps };
    },
  };
}

function* thinOut(
  { origin, goal, keep }: Sample,
  { model, threat, width }: Search,
  descent: BoxDescent,
  { iterations, initialConstant, largestConstant }: Required<CarliniWagnerL0Options>,
): Solver<GradientQuestion, GradientAnswer> {
  const unit = meanRange(model.bounds, width);
  const targets = goal.target === undefined ? {} : { targets: [goal.target] };
  const way = { odds: new Float32Array(width), first: new Float32Array(width), second: new Float32Array(width) };
  const x = origin.slice();
  const isFree = threat.mask?.slice() ?? new Uint8Array(width).fill(1);
  const putBack = (): void => {
    for (let j = 0; j < width; j++) if (!isFree[j]) x[j] = origin[j]!;
  };
  let constant = initialConstant;
  for (;;) {
    descent.begin(way, x);
    putBack();
    let isSolved = false;
    for (let count = 1; constant < largestConstant && !isSolved; count++) {
      const { adversarial, loss, gradient } = yield { ...at(x), ...targets };
      if (adversarial[0]) keep(x);
      const lack = Math.max(0, LEAD - loss[0]!);
      isSolved = adversarial[0] === 1 && lack < TOLERANCE;
      if (isSolved) {
        freeze(isFree, x, origin, gradient);
        break;
      }
      for (let j = 0; j < width; j++) {
        gradient[j] = (2 * (x[j]! - origin[j]!)) / (unit * unit) - (lack > 0 ? constant : 0) * gradient[j]!;
      }
      maskSlopes(gradient, isFree);
      descent.step(way, gradient, count, x);
      putBack();
      if (count % iterations === 0) constant *= 2;
    }
    if (!isSolved || !isFree.includes(1)) return undefined;
  }
}

/** Takes the freedom from the features whose changes matter least for the margin: a share of them at most. */
function freeze(isFree: Uint8Array, x: Float32Array, origin: Float32Array, gradient: Float32Array): void {
  const weights = Float64Array.from(x, (value, j) => Math.abs((value - origin[j]!) * gradient[j]!));
  const free = [...isFree.keys()].filter((j) => isFree[j]);
  const changed = free.filter((j) => x[j] !== origin[j]).length;
  free.sort((a, b) => weights[a]! - weights[b]!);
  for (const [count, j] of free.entries()) {
    isFree[j] = 0;
    if (weights[j]! > MATTERS || count + 1 >= SHARE * Math.sqrt(changed)) return;
  }
}

// The authors' constants.
const LEAD = 0.01;
const TOLERANCE = 1e-4;
const MATTERS = 0.01;
const SHARE = 0.3;
