import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";

/** The classes that targeted attacks try in turn: those with the largest logits at the clean sample, but for the label. */
export class NextBestClasses {
  /** How many there are for each sample; one under a targeted criterion, which names it. */
  readonly count: number;
  readonly #search: Search;
  readonly #ranked: Rows;
  readonly #current: Rows<Int32Array>;

  constructor(search: Search, targets: number) {
    const isTargeted = search.active > 0 && search.goal(0).target !== undefined;
    this.count = isTargeted ? 1 : Math.min(targets, search.model.classes - 1);
    this.#search = search;
    this.#ranked = search.floats(this.count);
    this.#current = search.integers();
  }

  /** Asks the model about the points where the search is, which have to be the clean samples. */
  async rank(): Promise<void> {
    const { goal, active, model, logits } = this.#search;
    if (active > 0 && this.#search.goal(0).target !== undefined) {
      for (let row = 0; row < active; row++) this.#ranked.row(row)[0] = goal.call(this.#search, row).target!;
      return;
    }
    await this.#search.evaluate();
    for (let row = 0; row < this.#search.active; row++) {
      const scores = logits.row(row);
      const { label } = this.#search.goal(row);
      const others = Array.from({ length: model.classes }, (_, k) => k).filter((k) => k !== label);
      others.sort((a, b) => scores[b]! - scores[a]! || a - b);
      this.#ranked.row(row).set(others.slice(0, this.count));
    }
  }

  /** The class of each sample at `rank`, counted from 0; the same rows each time, filled anew. */
  at(rank: number): Rows<Int32Array> {
    for (let row = 0; row < this.#search.active; row++) {
      this.#current.values[row] = this.#ranked.values[row * this.count + rank]!;
    }
    return this.#current;
  }
}
