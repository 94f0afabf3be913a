import { clip, distances, fillNormal } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Answer, at, decideInLockstep, type Question, type Sample, type Solver } from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { findStart } from "./decision-start.ts";

export interface BoundaryOptions {
  /** Proposals for each sample; every tenth takes two queries, the others one. */
  readonly steps?: number;
  /** First length of a step along the sphere around the sample, and of one towards the sample; shares of the distance. */
  readonly sphericalStep?: number;
  readonly sourceStep?: number;
  /** What steps grow or shrink by. */
  readonly stepAdaptation?: number;
  /** A sample is finished when its step towards the sample is below this. */
  readonly convergence?: number;
  /** Random images tried as a starting point, before clean samples of other classes are. */
  readonly startTries?: number;
}

/**
 * The boundary attack (Brendel et al., 2018, https://arxiv.org/abs/1712.04248) with the constants of the authors' Foolbox: a
 * random walk along the boundary that gets closer with each step it takes. Unlike there, no two samples share their noise.
 */
export function boundary({
  steps = 25_000,
  sphericalStep = 0.01,
  sourceStep = 0.01,
  stepAdaptation = 1.5,
  convergence = 1e-7,
  startTries = 100,
}: BoundaryOptions = {}): Attack {
  const parameters = { steps, sphericalStep, sourceStep, stepAdaptation, convergence, startTries };
  return {
    name: "Boundary",
    access: "decision",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    parameters,
    citation: { text: "Brendel et al., 2018", url: "https://arxiv.org/abs/1712.04248" },
    async *attempt(search) {
      await findStart(search, startTries);
      for await (const step of decideInLockstep(search, (sample) => walk(sample, search, parameters))) {
        yield { step, steps };
      }
    },
  };
}

function* walk(sample: Sample, { width, model, threat }: Search, options: Required<BoundaryOptions>): Walk {
  const { lower, upper } = model.bounds;
  const { origin, start: best } = sample;
  const proposals = new Float32Array(2 * width);
  const candidate = proposals.subarray(0, width);
  const spherical = proposals.subarray(width);
  const sphericalRate = new SuccessRate(100);
  const sourceRate = new SuccessRate(30);
  let { sphericalStep, sourceStep } = options;
  let distance = sample.keep(best);

  const propose = (step: number): void => {
    const noise = fillNormal(candidate, sample.draw(step, 1));
    let along = 0;
    for (let j = 0; j < width; j++) {
      if (threat.mask && !threat.mask[j]) noise[j] = 0;
      along += noise[j]! * (best[j]! - origin[j]!);
    }
    along /= distance * distance;
    let sum = 0;
    for (let j = 0; j < width; j++) {
      noise[j]! -= along * (best[j]! - origin[j]!);
      sum += noise[j]! * noise[j]!;
    }
    const length = sum === 0 ? 0 : (sphericalStep * distance) / Math.sqrt(sum);
    const shrink = 1 / Math.sqrt(1 + sphericalStep * sphericalStep); // back to the sphere, by Pythagoras
    for (let j = 0; j < width; j++) {
      spherical[j] = origin[j]! + shrink * (best[j]! - origin[j]! + length * noise[j]!);
    }
    clip(spherical, lower, upper);
    const reached = distances("l2", spherical, origin, width)[0]!;
    const inward = reached === 0 ? 0 : Math.max(0, sourceStep * distance + reached - distance) / reached;
    for (let j = 0; j < width; j++) candidate[j] = spherical[j]! + inward * (origin[j]! - spherical[j]!);
    clip(candidate, lower, upper);
  };

  for (let step = 1; step <= options.steps && sourceStep >= options.convergence && distance > 0; step++) {
    propose(step);
    const isReview = step % STEPS_PER_REVIEW === 0;
    const { adversarial }: Answer = yield isReview ? both(proposals) : at(candidate);
    const isCloser = distances("l2", candidate, origin, width)[0]! < distance;
    const isAdversarial = adversarial[0] === 1;
    const stays = adversarial[1] === 1;
    if (isAdversarial && isCloser) {
      best.set(candidate);
      sample.keep(best);
      distance = distances("l2", best, origin, width)[0]!;
    }
    if (!isReview) continue;
    sphericalRate.add(stays);
    sourceRate.add(isAdversarial);
    const curvature = sphericalRate.judge(0.2, 0.5);
    sphericalStep *= options.stepAdaptation ** curvature;
    sourceStep *= options.stepAdaptation ** (curvature + sourceRate.judge(0.1, 0.25));
  }
  return undefined;
}

type Walk = Solver<Question, Answer>;

function both(proposals: Float32Array): Question {
  return { count: 2, write: (points) => points.set(proposals) };
}

/** How many of the last tries succeeded. */
class SuccessRate {
  readonly #capacity: number;
  #tries: boolean[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(success: boolean): void {
    this.#tries.push(success);
    if (this.#tries.length > this.#capacity) this.#tries.shift();
  }

  /** 1 if the share of successes is above `high`, -1 if it is below `low`, and then counts anew; 0 if not, or not yet known. */
  judge(low: number, high: number): number {
    if (this.#tries.length < this.#capacity) return 0;
    const share = this.#tries.filter(Boolean).length / this.#capacity;
    const verdict = share > high ? 1 : share < low ? -1 : 0;
    if (verdict !== 0) this.#tries = [];
    return verdict;
  }
}

const STEPS_PER_REVIEW = 10;
