import { clip } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { findStart, finiteBounds } from "../decision/decision-start.ts";
import { bisect, type Place } from "../decision/path-search.ts";
import type { Search } from "../engine/search.ts";
import type { BallNorm } from "../threats/threat.ts";
import { solveStep } from "./brendel-bethge-step.ts";

export interface BrendelBethgeOptions {
  readonly steps?: number;
  /** How much of the way to the boundary is gone: as much beyond it from outside as is kept off it from inside. */
  readonly overshoot?: number;
  /** The longest step at first, as a share of the number of features times the inputs' mean range. */
  readonly learningRate?: number;
  /** What that shrinks by, so often in equal intervals. */
  readonly decay?: number;
  readonly decays?: number;
  /** How much of the last slope stays in the next. */
  readonly momentum?: number;
  /** Halvings of the way from the starting point. */
  readonly bisections?: number;
  /** Further walks, from other starting points. */
  readonly restarts?: number;
  /** Random images tried as a starting point, before clean samples of other classes are. */
  readonly startTries?: number;
}

/**
 * The attack of Brendel et al. (2019, https://arxiv.org/abs/1907.01003) with the constants of the authors' Foolbox: walks along the
 * boundary towards the sample, each step the best within a trust region. Foolbox's region, of 0.001, grows with the batch; ours does
 * not, and is that of a batch of ten, with which L0 and L1 get to their end.
 */
export function brendelBethge({
  steps = 1000,
  overshoot = 1.1,
  learningRate = 1e-2,
  decay = 0.5,
  decays = 20,
  momentum = 0.8,
  bisections = 10,
  restarts = 0,
  startTries = 100,
}: BrendelBethgeOptions = {}): Attack {
  return {
    name: "Brendel-Bethge",
    access: "gradient",
    aim: "nearest",
    norms: ["l2", "linf", "l1", "l0"],
    restarts,
    loss: "margin",
    parameters: { steps, overshoot, learningRate, decay, decays, momentum, bisections, restarts, startTries },
    citation: { text: "Brendel et al., 2019", url: "https://arxiv.org/abs/1907.01003" },
    async *attempt(search) {
      await findStart(search, startTries);
      const walk = new Walk(search);
      await walk.begin(bisections);
      const interval = Math.max(1, Math.floor(steps / decays));
      for (let step = 1; step <= steps; step++) {
        await search.differentiate("margin");
        const share = learningRate * decay ** Math.floor((step + 1) / interval);
        walk.step({ radius: share * search.width, overshoot, momentum: step === 1 ? 0 : momentum });
        yield { step, steps };
      }
      await search.evaluate();
    },
  };
}

/** The trust-region steps of all samples, with what they need in buffers of their own. */
class Walk {
  readonly #search: Search;
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  readonly #range: number;
  readonly #slope;
  readonly #problem;
  readonly #step: Float64Array;

  constructor(search: Search) {
    const { low, high } = finiteBounds(search);
    this.#search = search;
    this.#low = low;
    this.#high = high;
    this.#range = high.reduce((sum, each, j) => sum + each - low[j]!, 0) / high.length;
    this.#slope = search.floats();
    const numbers = () => new Float64Array(search.width);
    this.#problem = { home: numbers(), lower: numbers(), upper: numbers(), slope: numbers() };
    this.#step = numbers();
  }

  /** Goes from the starting points to the boundary, along a path that suits the norm. */
  async begin(bisections: number): Promise<void> {
    const search = this.#search;
    const far = search.floats();
    far.values.set(search.x.values);
    const [standing, adversarial] = [search.doubles(), search.doubles()];
    adversarial.values.fill(1);
    const between = paths[search.threat.norm as BallNorm];
    const place: Place = (row, t, point) => {
      const [near, end] = [search.origin.row(row), far.row(row)];
      for (let j = 0; j < point.length; j++) {
        point[j] = near[j]! + between(end[j]! - near[j]!, t, this.#high[j]! - this.#low[j]!);
      }
    };
    await bisect(search, standing, adversarial, place, () => 2 ** -bisections);
    for (let row = 0; row < search.active; row++) {
      place(row, adversarial.values[row]!, search.x.row(row));
      search.pin(row, search.x.row(row));
    }
  }

  /** Moves each sample by its best step. */
  step({ radius, overshoot, momentum }: { radius: number; overshoot: number; momentum: number }): void {
    const { active, width, threat, model, loss } = this.#search;
    const { home, lower, upper, slope } = this.#problem;
    const norm = threat.norm as BallNorm;
    for (let row = 0; row < active; row++) {
      const [x, origin, gradient, mean] = [
        this.#search.x.row(row),
        this.#search.origin.row(row),
        this.#search.gradient.row(row),
        this.#slope.row(row),
      ];
      for (let j = 0; j < width; j++) {
        const isFree = !threat.mask || threat.mask[j] === 1;
        mean[j] = momentum * mean[j]! + (1 - momentum) * gradient[j]!;
        slope[j] = isFree ? mean[j]! : 0;
        home[j] = origin[j]! - x[j]!;
        lower[j] = isFree ? this.#low[j]! - x[j]! : 0;
        upper[j] = isFree ? this.#high[j]! - x[j]! : 0;
      }
      const value = loss.values[row]!;
      const rise = -(value > 0 ? 2 - overshoot : overshoot) * value;
      solveStep(norm, { ...this.#problem, rise, radius: radius * this.#range }, this.#step);
      for (let j = 0; j < width; j++) {
        x[j] = x[j]! + this.#step[j]!;
        if (norm === "l0" && Math.abs(x[j]! - origin[j]!) <= AS_GOOD_AS_HOME * this.#range) x[j] = origin[j]!;
      }
    }
    clip(this.#search.x.values, model.bounds.lower, model.bounds.upper);
  }
}

/** How far a feature is from home after the share `t` of the way to a change. */
const paths: Record<BallNorm, (change: number, t: number, range: number) => number> = {
  l2: (change, t) => t * change,
  linf: (change, t, range) => Math.sign(change) * Math.min(Math.abs(change), t * range),
  l1: (change, t, range) => Math.sign(change) * Math.max(0, Math.abs(change) - (1 - t) * range),
  l0: (change, t, range) => (Math.abs(change) <= t * range ? change : 0),
};

/** Foolbox does not count such a change in L0. */
const AS_GOOD_AS_HOME = 1e-4;
