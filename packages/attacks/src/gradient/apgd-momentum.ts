import { spread } from "@casemate/tensor";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { radiiOf } from "../threats/radii.ts";
import type { Climb, ClimbPhase } from "./apgd-climb.ts";

/** Auto-PGD in Linf and L2: steps with momentum, halved at checkpoints for samples that do not get ahead. */
export class MomentumClimb implements Climb {
  readonly best: Rows;
  readonly #search: Search;
  readonly #rho: number;
  readonly #previous: Rows;
  /** In Linf the lowest and the highest values that features may have; elsewhere what a step needs in between. */
  readonly #next: Rows;
  readonly #direction: Rows;
  readonly #bestGradient: Rows;
  readonly #bestLoss: Rows<Float64Array>;
  readonly #lastLoss: Rows<Float64Array>;
  readonly #stepSize: Rows<Float64Array>;
  readonly #rises: Rows<Float64Array>;
  readonly #bestLossAtCheckpoint: Rows<Float64Array>;
  readonly #wasHalved: Rows<Float64Array>;
  #due: ReadonlySet<number> = new Set();
  #lastReview = 0;

  constructor(search: Search, rho: number) {
    this.#search = search;
    this.#rho = rho;
    this.best = search.floats();
    this.#previous = search.floats();
    this.#next = search.floats();
    this.#direction = search.floats();
    this.#bestGradient = search.floats();
    this.#bestLoss = search.doubles();
    this.#lastLoss = search.doubles();
    this.#stepSize = search.doubles();
    this.#rises = search.doubles();
    this.#bestLossAtCheckpoint = search.doubles();
    this.#wasHalved = search.doubles();
  }

  begin({ steps }: ClimbPhase): void {
    const { x, gradient, loss, threat, origin, width, model } = this.#search;
    this.#previous.values.set(x.values);
    this.best.values.set(x.values);
    this.#bestGradient.values.set(gradient.values);
    this.#bestLoss.values.set(loss.values);
    this.#lastLoss.values.set(loss.values);
    this.#bestLossAtCheckpoint.values.set(loss.values);
    this.#stepSize.values.fill(2); // in units of epsilon
    this.#rises.values.fill(0);
    this.#wasHalved.values.fill(1);
    this.#due = checkpoints(steps);
    this.#lastReview = 0;
    if (threat.norm !== "linf") return;
    this.#next.values.fill(-UNREACHABLE);
    this.#direction.values.fill(UNREACHABLE);
    threat.project(this.#next.values, origin.values, width, model.bounds);
    threat.project(this.#direction.values, origin.values, width, model.bounds);
  }

  /** x ← P(x + a (P(x + step · direction) − x) + (1 − a) (x − previous x)), P being the projection. */
  move(step: number): void {
    const { threat, width, model, x, origin, gradient, active } = this.#search;
    const share = step === 1 ? 1 : 0.75;
    if (threat.norm === "linf") {
      signSteps(x.values, gradient.values, {
        previous: this.#previous.values,
        lowest: this.#next.values,
        highest: this.#direction.values,
        stepSizes: this.#stepSize.values,
        reaches: spread(radiiOf(threat.epsilon, threat.mask), width),
        share,
      });
      return;
    }
    const direction = this.#direction.values;
    threat.steepest(gradient.values, direction, width);
    const current = x.values;
    const next = this.#next.values;
    const previous = this.#previous.values;
    for (let row = 0, i = 0; row < active; row++) {
      const size = this.#stepSize.values[row]!;
      for (const end = i + width; i < end; i++) next[i] = current[i]! + size * direction[i]!;
    }
    threat.project(next, origin.values, width, model.bounds);
    for (let i = 0; i < next.length; i++) {
      const here = current[i]!;
      next[i] = here + share * (next[i]! - here) + (1 - share) * (here - previous[i]!);
      previous[i] = here;
    }
    threat.project(next, origin.values, width, model.bounds);
    current.set(next);
  }

  /** Notes whether the loss rose in the last step, and each sample's best point with its gradient. */
  compare(): void {
    const { x, gradient, loss, active } = this.#search;
    for (let row = 0; row < active; row++) {
      const value = loss.values[row]!;
      if (value > this.#lastLoss.values[row]!) this.#rises.values[row]!++;
      this.#lastLoss.values[row] = value;
      if (!(value > this.#bestLoss.values[row]!)) continue;
      this.#bestLoss.values[row] = value;
      this.best.copyRow(row, x);
      this.#bestGradient.copyRow(row, gradient);
    }
  }

  /** Halves the step of samples that did not get ahead since the last checkpoint, and takes them back to their best point. */
  review(step: number): void {
    if (!this.#due.has(step)) return;
    const { x, gradient, active } = this.#search;
    const length = step - this.#lastReview;
    this.#lastReview = step;
    for (let row = 0; row < active; row++) {
      const oscillates = this.#rises.values[row]! <= length * this.#rho;
      const stagnates =
        !this.#wasHalved.values[row] && this.#bestLossAtCheckpoint.values[row]! >= this.#bestLoss.values[row]!;
      const halves = oscillates || stagnates;
      if (halves) {
        this.#stepSize.values[row]! /= 2;
        x.copyRow(row, this.best);
        gradient.copyRow(row, this.#bestGradient);
      }
      this.#wasHalved.values[row] = halves ? 1 : 0;
      this.#bestLossAtCheckpoint.values[row] = this.#bestLoss.values[row]!;
      this.#rises.values[row] = 0;
    }
  }
}

/** The steps after which step sizes are reviewed: the gaps start at 22 % of the steps and shrink by 3 % down to 6 %. */
export function checkpoints(steps: number): ReadonlySet<number> {
  const share = (part: number) => Math.max(Math.trunc(part * steps), 1);
  const due = new Set<number>();
  let gap = share(0.22);
  for (let step = gap; step <= steps; step += gap) {
    due.add(step);
    gap = Math.max(gap - share(0.03), share(0.06));
  }
  return due;
}

interface SignSteps {
  /** Where the step before began; each place left is noted here. */
  readonly previous: Float32Array;
  readonly lowest: Float32Array;
  readonly highest: Float32Array;
  /** Of each row, in units of epsilon. */
  readonly stepSizes: Float64Array;
  /** Epsilon of each feature. */
  readonly reaches: Float32Array | Float64Array;
  readonly share: number;
}

/**
 * The step in Linf in one pass over memory, where it is most of what is not the model's. As in `linf`, signs are made of bits and
 * what goes too far comes back by an absolute value, since branches on the signs of a gradient are as good as random.
 */
function signSteps(
  x: Float32Array,
  slopes: Float32Array,
  { previous, lowest, highest, stepSizes, reaches, share }: SignSteps,
): void {
  const width = reaches.length;
  const bits = new Int32Array(slopes.buffer, slopes.byteOffset, slopes.length);
  const rest = 1 - share;
  for (let row = 0, i = 0; row < stepSizes.length; row++) {
    const size = stepSizes[row]!;
    for (let j = 0; j < width; i++, j++) {
      const magnitude = bits[i]! << 1;
      const sign = ((bits[i]! >> 31) | 1) & -((magnitude | -magnitude) >>> 31);
      const here = x[i]!;
      const low = lowest[i]!;
      const high = highest[i]!;
      let stepped = here + size * reaches[j]! * sign;
      let excess = stepped - high;
      stepped -= 0.5 * (excess + Math.abs(excess));
      excess = low - stepped;
      stepped += 0.5 * (excess + Math.abs(excess));
      let moved = here + share * (stepped - here) + rest * (here - previous[i]!);
      previous[i] = here;
      excess = moved - high;
      moved -= 0.5 * (excess + Math.abs(excess));
      excess = low - moved;
      x[i] = moved + 0.5 * (excess + Math.abs(excess));
    }
  }
}

const UNREACHABLE = 1e30;
