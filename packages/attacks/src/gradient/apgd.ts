import type { Attack } from "../attack.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import type { BaseLoss } from "../models/losses.ts";

export interface ApgdOptions {
  readonly steps?: number;
  readonly restarts?: number;
  /** Share of the steps since the last checkpoint that must have raised the loss, or the step is halved. */
  readonly rho?: number;
}

/**
 * Auto-PGD on the cross-entropy (Croce & Hein, 2020, https://arxiv.org/abs/2003.01690), as the authors' AutoAttack runs it:
 * from a random point on the surface of the ball, with momentum, halving each sample's step at checkpoints where it does not
 * get ahead and going back to its best point.
 */
export function apgdCe(options: ApgdOptions = {}): Attack {
  return apgd("APGD-CE", "cross-entropy", options);
}

/**
 * Auto-PGD on the difference of logits ratio, which does not depend on the scale of the logits. With fewer than three classes
 * (four if targeted) that is not defined and the margin takes its place.
 */
export function apgdDlr(options: ApgdOptions = {}): Attack {
  return apgd("APGD-DLR", "dlr", options);
}

function apgd(name: string, loss: BaseLoss, { steps = 100, restarts = 0, rho = 0.75 }: ApgdOptions): Attack {
  return {
    name,
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2"],
    restarts,
    loss,
    parameters: { steps, restarts, rho, loss },
    citation: { text: "Croce & Hein, 2020", url: "https://arxiv.org/abs/2003.01690" },
    async *attempt(search) {
      const climb = new Climb(search);
      const due = checkpoints(steps);
      search.randomStart({ onSurface: true });
      await search.differentiate(loss);
      climb.begin();
      for (let step = 0, length = 0; step < steps; step++) {
        climb.step(step === 0 ? 1 : 0.75);
        if (step === steps - 1) break;
        await search.differentiate(loss);
        climb.compare();
        length++;
        if (due.has(step + 1)) {
          climb.adaptStep(length, rho);
          length = 0;
        }
        yield { step: step + 1, steps };
      }
      await search.evaluate();
      yield { step: steps, steps };
    },
  };
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

/** The state of Auto-PGD: everything per sample, in buffers that follow the active set. */
class Climb {
  readonly #search: Search;
  readonly #previous: Rows;
  readonly #next: Rows;
  readonly #direction: Rows;
  readonly #best: Rows;
  readonly #bestGradient: Rows;
  readonly #bestLoss: Rows<Float64Array>;
  readonly #lastLoss: Rows<Float64Array>;
  readonly #stepSize: Rows<Float64Array>;
  readonly #rises: Rows<Float64Array>;
  readonly #bestLossAtCheckpoint: Rows<Float64Array>;
  readonly #wasHalved: Rows<Float64Array>;

  constructor(search: Search) {
    this.#search = search;
    this.#previous = search.floats();
    this.#next = search.floats();
    this.#direction = search.floats();
    this.#best = search.floats();
    this.#bestGradient = search.floats();
    this.#bestLoss = search.doubles();
    this.#lastLoss = search.doubles();
    this.#stepSize = search.doubles();
    this.#rises = search.doubles();
    this.#bestLossAtCheckpoint = search.doubles();
    this.#wasHalved = search.doubles();
  }

  /** Takes the first evaluation as the best so far. */
  begin(): void {
    const { x, gradient, loss } = this.#search;
    this.#previous.values.set(x.values);
    this.#best.values.set(x.values);
    this.#bestGradient.values.set(gradient.values);
    this.#bestLoss.values.set(loss.values);
    this.#lastLoss.values.set(loss.values);
    this.#bestLossAtCheckpoint.values.set(loss.values);
    this.#stepSize.values.fill(2); // in units of epsilon
    this.#wasHalved.values.fill(1);
  }

  /** x ← P(x + a (P(x + step · direction) − x) + (1 − a) (x − previous x)), P being the projection. */
  step(a: number): void {
    const { threat, width, model, x, origin, gradient, active } = this.#search;
    threat.steepest(gradient.values, this.#direction.values, width);
    const current = x.values;
    const next = this.#next.values;
    const previous = this.#previous.values;
    const direction = this.#direction.values;
    for (let row = 0, i = 0; row < active; row++) {
      const size = this.#stepSize.values[row]!;
      for (const end = i + width; i < end; i++) next[i] = current[i]! + size * direction[i]!;
    }
    threat.project(next, origin.values, width, model.bounds);
    for (let i = 0; i < next.length; i++) {
      const here = current[i]!;
      next[i] = here + a * (next[i]! - here) + (1 - a) * (here - previous[i]!);
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
      this.#best.copyRow(row, x);
      this.#bestGradient.copyRow(row, gradient);
    }
  }

  /** Halves the step of samples that did not get ahead in the last `length` steps, and takes them back to their best point. */
  adaptStep(length: number, rho: number): void {
    const { x, gradient, active } = this.#search;
    for (let row = 0; row < active; row++) {
      const oscillates = this.#rises.values[row]! <= length * rho;
      const stagnates =
        !this.#wasHalved.values[row] && this.#bestLossAtCheckpoint.values[row]! >= this.#bestLoss.values[row]!;
      const halves = oscillates || stagnates;
      if (halves) {
        this.#stepSize.values[row]! /= 2;
        x.copyRow(row, this.#best);
        gradient.copyRow(row, this.#bestGradient);
      }
      this.#wasHalved.values[row] = halves ? 1 : 0;
      this.#bestLossAtCheckpoint.values[row] = this.#bestLoss.values[row]!;
      this.#rises.values[row] = 0;
    }
  }
}
