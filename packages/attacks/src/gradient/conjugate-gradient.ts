import type { Attack } from "../attack.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import type { BaseLoss } from "../models/losses.ts";
import { checkpoints } from "./apgd-momentum.ts";

export interface ConjugateGradientOptions {
  readonly steps?: number;
  readonly restarts?: number;
  /** Share of the steps since the last checkpoint that must have found a new best loss, or the step is halved. */
  readonly rho?: number;
  readonly loss?: BaseLoss;
}

/**
 * Auto Conjugate Gradient (Yamamura et al., 2022, https://arxiv.org/abs/2206.09628): climbs along conjugate directions, with
 * the coefficient of Hestenes and Stiefel, and halves each sample's step at APGD's checkpoints. The directions differ more from
 * step to step than gradients do, so that it reaches maxima that APGD does not. The loss is the margin, as in the paper, and the
 * first attempt begins in the middle of what the ball and the bounds allow. As in the authors' code and its settings the coefficient has
 * the sign opposite to the textbook's and is never negative; in ART it may be.
 */
export function autoConjugateGradient({
  steps = 100,
  restarts = 0,
  rho = 0.75,
  loss = "margin",
}: ConjugateGradientOptions = {}): Attack {
  return {
    name: "ACG",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2"],
    restarts,
    loss,
    parameters: { steps, restarts, rho, loss },
    citation: { text: "Yamamura et al., 2022", url: "https://arxiv.org/abs/2206.09628" },
    async *attempt(search) {
      const climb = new ConjugateClimb(search);
      const due = checkpoints(steps);
      if (search.restart > 0) search.randomStart();
      else startInTheMiddle(search);
      await search.differentiate(loss);
      climb.begin();
      for (let step = 1, length = 0; step < steps; step++) {
        climb.step();
        await search.differentiate(loss);
        climb.turn();
        length++;
        if (due.has(step)) {
          climb.adaptStep(length, rho);
          length = 0;
        }
        yield { step, steps };
      }
      climb.step();
      await search.evaluate();
      yield { step: steps, steps };
    },
  };
}

/** Half-way between the two corners where all features are as large, and as small, as the ball and the bounds allow. */
function startInTheMiddle({ threat, width, model, x, origin }: Search): void {
  const [high, low] = [1, -1].map((sign) => {
    const corner = new Float32Array(x.values.length);
    threat.steepest(corner.fill(sign), corner, width);
    for (let i = 0; i < corner.length; i++) corner[i]! += origin.values[i]!;
    threat.project(corner, origin.values, width, model.bounds);
    return corner;
  }) as [Float32Array, Float32Array];
  for (let i = 0; i < x.values.length; i++) x.values[i] = 0.5 * (high[i]! + low[i]!);
}

/** Where each sample is, along which direction it goes, and the best that it has seen. */
class ConjugateClimb {
  readonly #search: Search;
  /** Conjugate direction. */
  readonly #direction: Rows;
  readonly #lastGradient: Rows;
  readonly #scaled: Rows;
  readonly #best: Rows;
  readonly #bestDirection: Rows;
  readonly #bestGradient: Rows;
  readonly #bestLoss: Rows<Float64Array>;
  readonly #bestLossAtCheckpoint: Rows<Float64Array>;
  readonly #stepSize: Rows<Float64Array>;
  readonly #rises: Rows<Float64Array>;
  readonly #wasHalved: Rows<Float64Array>;

  constructor(search: Search) {
    this.#search = search;
    this.#direction = search.floats();
    this.#lastGradient = search.floats();
    this.#scaled = search.floats();
    this.#best = search.floats();
    this.#bestDirection = search.floats();
    this.#bestGradient = search.floats();
    this.#bestLoss = search.doubles();
    this.#bestLossAtCheckpoint = search.doubles();
    this.#stepSize = search.doubles();
    this.#rises = search.doubles();
    this.#wasHalved = search.doubles();
  }

  /** The first direction is the gradient. */
  begin(): void {
    const { x, gradient, loss } = this.#search;
    this.#direction.values.set(gradient.values);
    this.#lastGradient.values.set(gradient.values);
    this.#best.values.set(x.values);
    this.#bestDirection.values.set(gradient.values);
    this.#bestGradient.values.set(gradient.values);
    this.#bestLoss.values.set(loss.values);
    this.#bestLossAtCheckpoint.values.set(loss.values);
    this.#stepSize.values.fill(2); // in units of epsilon
    this.#wasHalved.values.fill(1);
  }

  /** x ← P(x + step · the steepest change along the direction). */
  step(): void {
    const { threat, width, model, x, origin, active } = this.#search;
    threat.steepest(this.#direction.values, this.#scaled.values, width);
    const [points, change] = [x.values, this.#scaled.values];
    for (let row = 0, i = 0; row < active; row++) {
      const size = this.#stepSize.values[row]!;
      for (const end = i + width; i < end; i++) points[i]! += size * change[i]!;
    }
    threat.project(points, origin.values, width, model.bounds);
  }

  /** Notes what is best, and turns each direction: s ← g + β s, where β = max(0, g·y / s·y) with y = g before − g. */
  turn(): void {
    const { x, gradient, loss, active } = this.#search;
    for (let row = 0; row < active; row++) {
      const [slope, before, along] = [gradient.row(row), this.#lastGradient.row(row), this.#direction.row(row)];
      let numerator = 0;
      let denominator = 0;
      for (let j = 0; j < slope.length; j++) {
        const change = before[j]! - slope[j]!;
        numerator += slope[j]! * change;
        denominator += along[j]! * change;
      }
      const ratio = Math.max(0, numerator / denominator);
      const beta = Number.isFinite(ratio) ? ratio : 0; // 0/0 where the gradient stays as it was
      for (let j = 0; j < slope.length; j++) along[j] = slope[j]! + beta * along[j]!;
      before.set(slope);
      if (!(loss.values[row]! > this.#bestLoss.values[row]!)) continue;
      this.#rises.values[row]!++;
      this.#bestLoss.values[row] = loss.values[row]!;
      this.#best.copyRow(row, x);
      this.#bestDirection.copyRow(row, this.#direction);
      this.#bestGradient.copyRow(row, gradient);
    }
  }

  /** Halves the step of samples that did not get ahead in the last `length` steps, and takes them back to their best point. */
  adaptStep(length: number, rho: number): void {
    const { x, active } = this.#search;
    for (let row = 0; row < active; row++) {
      const isSlow = this.#rises.values[row]! < rho * length;
      const isStuck =
        !this.#wasHalved.values[row] && this.#bestLossAtCheckpoint.values[row] === this.#bestLoss.values[row];
      if (isSlow || isStuck) {
        this.#stepSize.values[row]! /= 2;
        x.copyRow(row, this.#best);
        this.#direction.copyRow(row, this.#bestDirection);
        this.#lastGradient.copyRow(row, this.#bestGradient);
      }
      this.#wasHalved.values[row] = isSlow || isStuck ? 1 : 0;
      this.#bestLossAtCheckpoint.values[row] = this.#bestLoss.values[row]!;
      this.#rises.values[row] = 0;
    }
  }
}
