import { wordToUniform } from "@casemate/tensor";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { forEachPixel, type ImageShape, imageShape } from "../image.ts";
import { wordsFor } from "./random-words.ts";
import { shuffled } from "./shuffle.ts";

/** The features that ZOO moves in a step, drawn for each sample among those that may change. */
export class Coordinates {
  readonly count: number;
  readonly #search: Search;
  readonly #free: Int32Array;
  readonly #importance: boolean;
  readonly #shape: ImageShape | undefined;
  readonly #chosen: Rows;

  constructor(search: Search, { count, importance }: { readonly count: number; readonly importance: boolean }) {
    const { mask } = search.threat;
    this.#search = search;
    this.#free = Int32Array.from({ length: search.width }, (_, j) => j).filter((j) => !mask || mask[j] === 1);
    this.#importance = importance;
    this.#shape = imageShape(search.model);
    this.count = Math.min(count, this.#free.length);
    this.#chosen = search.floats(this.count); // whole numbers below 2^24
  }

  row(row: number): Float32Array {
    return this.#chosen.row(row);
  }

  /**
   * Draws the features of a row. By importance, a feature's chance follows the largest change in its region of the image,
   * one of 8 × 8, once all have had their turn about once (section 3.4 of the paper).
   */
  choose(row: number, draw: number, step: number): void {
    const isEarly = step * this.count < this.#free.length;
    const chosen =
      this.#importance && !isEarly
        ? this.#byImportance(row, draw)
        : shuffled(this.#free, this.#search.draw(row, draw), this.count);
    this.#chosen.row(row).set(chosen);
  }

  /** Without replacement by weight: those with the largest log(u) / weight (Efraimidis & Spirakis, 2006). */
  #byImportance(row: number, draw: number): Int32Array {
    const weights = this.#weights(row);
    const words = wordsFor(this.#search, row, draw, this.#free.length);
    const keys = new Float64Array(this.#search.width).fill(-Infinity);
    for (const [index, j] of this.#free.entries()) {
      keys[j] = weights[j] === 0 ? -Infinity : Math.log(wordToUniform(words[index]!) + 2 ** -25) / weights[j]!;
    }
    return this.#free
      .slice()
      .sort((a, b) => (keys[a] === keys[b] ? a - b : keys[b]! - keys[a]!))
      .subarray(0, this.count);
  }

  #weights(row: number): Float64Array {
    const { x, origin } = this.#search;
    const [point, center] = [x.row(row), origin.row(row)];
    const changes = Float64Array.from(point, (value, j) => Math.abs(value - center[j]!));
    return this.#shape ? pooled(changes, this.#shape) : changes;
  }
}

/** Each feature's value replaced by the largest in its region: an eighth of the image each way. */
function pooled(values: Float64Array, shape: ImageShape): Float64Array {
  const result = new Float64Array(values.length);
  const rows = Math.max(1, Math.floor(shape.height / 8));
  const columns = Math.max(1, Math.floor(shape.width / 8));
  for (let channel = 0; channel < shape.channels; channel++) {
    for (let top = 0; top < shape.height; top += rows) {
      for (let left = 0; left < shape.width; left += columns) {
        const region = {
          top,
          left,
          rows: Math.min(rows, shape.height - top),
          columns: Math.min(columns, shape.width - left),
        };
        let largest = 0;
        forEachPixel(region, shape, channel, (feature) => {
          largest = Math.max(largest, values[feature]!);
        });
        forEachPixel(region, shape, channel, (feature) => {
          result[feature] = largest;
        });
      }
    }
  }
  return result;
}
