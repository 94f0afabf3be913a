import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { nthLargest } from "../threats/l1.ts";
import { radiiOf, valueAt } from "../threats/radii.ts";
import type { Threat } from "../threats/threat.ts";
import type { Climb, ClimbPhase } from "./apgd-climb.ts";

/**
 * Auto-PGD in L1: a step goes along the signs of the steepest features only, as many as the best perturbation so far has
 * features changed, divided by 1.5. Constants from the authors' AutoAttack.
 */
export class SparseClimb implements Climb {
  readonly best: Rows;
  readonly #search: Search;
  readonly #bestGradient: Rows;
  readonly #bestLoss: Rows<Float64Array>;
  /** Length of a step in units of epsilon. */
  readonly #stepSize: Rows<Float64Array>;
  /** The share of features that a step changes. */
  readonly #share: Rows<Float64Array>;
  /** Features that the best perturbation changed at the last checkpoint. */
  readonly #support: Rows<Float64Array>;
  #threat: Threat;
  #gap = 1;

  constructor(search: Search) {
    this.#search = search;
    this.#threat = search.threat;
    this.best = search.floats();
    this.#bestGradient = search.floats();
    this.#bestLoss = search.doubles();
    this.#stepSize = search.doubles();
    this.#share = search.doubles();
    this.#support = search.doubles();
  }

  begin({ threat, steps, isContinued }: ClimbPhase): void {
    const { x, gradient, loss, width, active } = this.#search;
    this.#threat = threat;
    this.#gap = Math.max(Math.trunc(0.04 * steps), 1);
    this.best.values.set(x.values);
    this.#bestGradient.values.set(gradient.values);
    this.#bestLoss.values.set(loss.values);
    this.#stepSize.values.fill(1);
    for (let row = 0; row < active; row++) {
      const support = isContinued ? this.#supportOf(row) : width;
      this.#support.values[row] = support;
      this.#share.values[row] = isContinued ? support / width / SPARSER : 0.2;
    }
  }

  move(): void {
    const { x, origin, gradient, width, model, active } = this.#search;
    const radii = radiiOf(this.#threat.epsilon, this.#threat.mask);
    const gains = new Float64Array(width);
    const scratch = new Float64Array(width);
    for (let row = 0, start = 0; row < active; row++, start += width) {
      for (let j = 0; j < width; j++) {
        gains[j] = Math.abs(gradient.values[start + j]!) * valueAt(radii, j);
      }
      scratch.set(gains);
      const skipped = Math.min(Math.max(Math.trunc((1 - this.#share.values[row]!) * width), 0), width - 1);
      const threshold = Math.max(nthLargest(scratch, width - skipped), Number.MIN_VALUE);
      let count = 0;
      for (let j = 0; j < width; j++) if (gains[j]! >= threshold) count++;
      for (let j = 0; j < width; j++) {
        if (gains[j]! < threshold) continue;
        const sign = Math.sign(gradient.values[start + j]!);
        x.values[start + j]! += (this.#stepSize.values[row]! * valueAt(radii, j) * sign) / count;
      }
    }
    this.#threat.project(x.values, origin.values, width, model.bounds);
  }

  compare(): void {
    const { x, gradient, loss, active } = this.#search;
    for (let row = 0; row < active; row++) {
      if (!(loss.values[row]! > this.#bestLoss.values[row]!)) continue;
      this.#bestLoss.values[row] = loss.values[row]!;
      this.best.copyRow(row, x);
      this.#bestGradient.copyRow(row, gradient);
    }
  }

  /** Where the best perturbation has become sparser, starts anew from it with the full step; elsewhere shortens the step. */
  review(step: number): void {
    if (step % this.#gap !== 0) return;
    const { x, gradient, width, active } = this.#search;
    for (let row = 0; row < active; row++) {
      const support = this.#supportOf(row);
      const isSparser = support < 0.95 * this.#support.values[row]!;
      this.#share.values[row] = support / width / SPARSER;
      this.#support.values[row] = support;
      this.#stepSize.values[row] = isSparser ? 1 : Math.max(this.#stepSize.values[row]! / SPARSER, 1 / 10);
      if (!isSparser) continue;
      x.copyRow(row, this.best);
      gradient.copyRow(row, this.#bestGradient);
    }
  }

  #supportOf(row: number): number {
    const origin = this.#search.origin.row(row);
    const best = this.best.row(row);
    let count = 0;
    for (let j = 0; j < best.length; j++) if (best[j] !== origin[j]) count++;
    return count;
  }
}

const SPARSER = 1.5;
