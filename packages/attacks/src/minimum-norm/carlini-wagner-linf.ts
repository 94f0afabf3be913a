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
import { valueAt } from "../threats/radii.ts";
import { maskSlopes, meanRange } from "./box.ts";
import { BoxDescent } from "./box-descent.ts";

export interface CarliniWagnerLinfOptions {
  /** Steps of Adam with each constant, at most. */
  readonly iterations?: number;
  readonly learningRate?: number;
  /** What the margin is weighed with at first; doubled where it is not enough, until it is as large as `largestConstant`. */
  readonly initialConstant?: number;
  readonly largestConstant?: number;
  /** What the limit for changes is multiplied by when it was met. */
  readonly decreaseFactor?: number;
}

/**
 * Carlini and Wagner's attack in Linf (2017, https://arxiv.org/abs/1608.04644) with the defaults of the authors' code: Adam on
 * constant · max(0, margin) and what changes exceed a limit by, which is lowered as often as it is met. Throws an AttackError
 * UNSUPPORTED_MODEL for bounds that are not finite.
 */
export function carliniWagnerLinf({
  iterations = 1000,
  learningRate = 0.005,
  initialConstant = 1e-5,
  largestConstant = 20,
  decreaseFactor = 0.9,
}: CarliniWagnerLinfOptions = {}): Attack {
  const parameters = { iterations, learningRate, initialConstant, largestConstant, decreaseFactor };
  return {
    name: "C&W Linf",
    access: "gradient",
    aim: "nearest",
    norms: ["linf"],
    restarts: 0,
    loss: "margin",
    parameters,
    citation: { text: "Carlini & Wagner, 2017", url: "https://arxiv.org/abs/1608.04644" },
    async *attempt(search) {
      const limits = Math.log(LEAST_LIMIT) / Math.log(decreaseFactor);
      const constants = Math.log2(largestConstant / initialConstant);
      const steps = Math.ceil(limits + constants) * iterations;
      const descent = new BoxDescent(search.model.bounds, search.width, learningRate, "C&W Linf");
      const loss = lossFor("margin", search.model.classes, search.goal(0).target !== undefined);
      const solve = (sample: Sample) => squeeze(sample, search, descent, parameters);
      for await (const step of differentiateInLockstep(search, loss, solve)) yield { step, steps };
    },
  };
}

function* squeeze(
  { origin, goal, keep }: Sample,
  { model, threat, width }: Search,
  descent: BoxDescent,
  { iterations, initialConstant, largestConstant, decreaseFactor }: Required<CarliniWagnerLinfOptions>,
): Solver<GradientQuestion, GradientAnswer> {
  const unit = meanRange(model.bounds, width);
  const targets = goal.target === undefined ? {} : { targets: [goal.target] };
  const way = { odds: new Float32Array(width), first: new Float32Array(width), second: new Float32Array(width) };
  const x = origin.slice();
  const { lower, upper } = model.bounds;
  let limit = 0; // at first what no change can exceed
  for (let j = 0; j < width; j++) {
    limit = Math.max(limit, (origin[j]! - valueAt(lower, j)) / unit, (valueAt(upper, j) - origin[j]!) / unit);
  }
  let constant = initialConstant;
  while (limit > LEAST_LIMIT) {
    descent.begin(way, x);
    let isMet = false;
    for (let count = 1; constant < largestConstant; count++) {
      const { adversarial, loss, gradient } = yield { ...at(x), ...targets };
      if (adversarial[0]) keep(x);
      const lack = Math.max(0, -loss[0]!);
      const { excess, largest } = addExcess(gradient, lack > 0 ? constant : 0, { x, origin, unit, limit });
      isMet = adversarial[0] === 1 && constant * lack + excess < TOLERANCE * constant;
      if (isMet) {
        limit = Math.min(limit, largest) * decreaseFactor;
        break;
      }
      maskSlopes(gradient, threat.mask);
      descent.step(way, gradient, count, x);
      if (threat.mask) for (let j = 0; j < width; j++) if (!threat.mask[j]) x[j] = origin[j]!;
      if (count % iterations === 0) constant *= 2;
    }
    if (!isMet) return undefined;
  }
  return undefined;
}

interface Place {
  readonly x: Float32Array;
  readonly origin: Float32Array;
  /** Changes are measured in units of it. */
  readonly unit: number;
  readonly limit: number;
}

/**
 * Turns the slopes of the margin, which is to grow, into those of the loss, which is to shrink: what changes exceed the limit by,
 * added up, less `constant` times the margin. Returns that excess and the largest change.
 */
function addExcess(slopes: Float32Array, constant: number, { x, origin, unit, limit }: Place) {
  let excess = 0;
  let largest = 0;
  for (let j = 0; j < x.length; j++) {
    const change = (x[j]! - origin[j]!) / unit;
    const size = Math.abs(change);
    let slope = -constant * slopes[j]!;
    if (size > largest) largest = size;
    if (size > limit) {
      excess += size - limit;
      slope += Math.sign(change) / unit;
    }
    slopes[j] = slope;
  }
  return { excess, largest };
}

const LEAST_LIMIT = 1 / 256; // the authors'
const TOLERANCE = 1e-4;
