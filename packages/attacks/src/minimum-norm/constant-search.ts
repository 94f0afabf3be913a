import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";

export interface ConstantSearchOptions {
  /** How many values of the constant are tried. */
  readonly searches: number;
  /** Steps with each value, at most. */
  readonly iterations: number;
  readonly initialConstant: number;
  /** Whether to go on to the next value when a tenth of the steps have not made the loss smaller by 0.01 %. */
  readonly abortEarly: boolean;
}

/**
 * The search for the constant that weighs the margin against the distance (Carlini & Wagner, 2017): times ten until something is
 * adversarial, then bisection; of ten values or more the last is the least that has worked. Each sample is at a search and a
 * step of its own, so that none waits for another.
 */
export class ConstantSearch {
  /** The value that each sample is at. */
  readonly constant: Rows<Float64Array>;
  /** The step that each sample is at, from 0. */
  readonly iteration: Rows<Int32Array>;
  readonly #options: ConstantSearchOptions;
  readonly #search: Rows<Int32Array>;
  readonly #hasWorked: Rows<Int32Array>;
  readonly #lower: Rows<Float64Array>;
  readonly #upper: Rows<Float64Array>;
  readonly #lossBefore: Rows<Float64Array>;

  constructor(search: Search, options: ConstantSearchOptions) {
    this.#options = options;
    this.constant = search.doubles();
    this.constant.values.fill(options.initialConstant);
    this.iteration = search.integers();
    this.#search = search.integers();
    this.#hasWorked = search.integers();
    this.#lower = search.doubles();
    this.#upper = search.doubles();
    this.#upper.values.fill(Infinity);
    this.#lossBefore = search.doubles();
    this.#lossBefore.values.fill(Infinity);
  }

  /** Counts a step that has led to this loss: whether to go on, to begin anew with the next constant, or that all are tried. */
  advance(row: number, loss: number, isAdversarial: boolean): "on" | "anew" | "done" {
    const { iterations, abortEarly, searches } = this.#options;
    const iteration = this.iteration.values[row]!;
    let isOver = iteration + 1 >= iterations;
    if (abortEarly && iteration % Math.ceil(iterations / 10) === 0) {
      isOver ||= !(loss <= 0.9999 * this.#lossBefore.values[row]!);
      this.#lossBefore.values[row] = loss;
    }
    if (isAdversarial) this.#hasWorked.values[row] = 1;
    this.iteration.values[row] = iteration + 1;
    if (!isOver) return "on";
    this.#next(row);
    return this.#search.values[row] === searches ? "done" : "anew";
  }

  #next(row: number): void {
    const { searches } = this.#options;
    const constant = this.constant.values[row]!;
    if (this.#hasWorked.values[row]) this.#upper.values[row] = constant;
    else this.#lower.values[row] = constant;
    const upper = this.#upper.values[row]!;
    const search = ++this.#search.values[row]!;
    const isRepeat = searches >= 10 && search === searches - 1;
    const next = upper === Infinity ? constant * 10 : isRepeat ? upper : (this.#lower.values[row]! + upper) / 2;
    this.constant.values[row] = next;
    this.iteration.values[row] = 0;
    this.#hasWorked.values[row] = 0;
    this.#lossBefore.values[row] = Infinity;
  }
}
