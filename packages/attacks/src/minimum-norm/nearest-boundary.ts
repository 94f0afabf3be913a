import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";

/** Which of the linearised boundaries to all other classes is nearest to each sample. */
export class NearestBoundary {
  readonly #search: Search;
  readonly #targets: Rows<Int32Array>;
  readonly #distance: Rows<Float64Array>;
  readonly #value: Rows<Float64Array>;
  readonly #slope: Rows;

  constructor(search: Search) {
    this.#search = search;
    this.#targets = search.integers();
    this.#distance = search.doubles();
    this.#value = search.doubles();
    this.#slope = search.floats();
  }

  /** Leaves its value and slope in the search's loss and gradient. Takes as many gradients as there are other classes. */
  async find(): Promise<void> {
    const { model, gradient, loss, labels } = this.#search;
    this.#distance.values.fill(Infinity);
    for (let rank = 0; rank < model.classes - 1; rank++) {
      for (let row = 0; row < this.#search.active; row++) {
        this.#targets.values[row] = rank < labels.values[row]! ? rank : rank + 1;
      }
      await this.#search.differentiate("difference", { targets: this.#targets, record: rank === 0 });
      for (let row = 0; row < this.#search.active; row++) {
        const distance = Math.abs(loss.values[row]!) / (1e-12 + this.#dualNorm(gradient.row(row)));
        if (!(distance < this.#distance.values[row]!)) continue;
        this.#distance.values[row] = distance;
        this.#value.values[row] = loss.values[row]!;
        this.#slope.copyRow(row, gradient);
      }
    }
    gradient.values.set(this.#slope.values);
    loss.values.set(this.#value.values);
  }

  /** How fast a linear function can change per unit of the threat's norm. */
  #dualNorm(slope: Float32Array): number {
    const { norm, mask } = this.#search.threat;
    let sum = 0;
    let squares = 0;
    let largest = 0;
    for (let j = 0; j < slope.length; j++) {
      if (mask && !mask[j]) continue;
      const steepness = Math.abs(slope[j]!);
      sum += steepness;
      squares += steepness * steepness;
      if (steepness > largest) largest = steepness;
    }
    return norm === "linf" ? sum : norm === "l2" ? Math.sqrt(squares) : largest;
  }
}
