import { spread } from "@casemate/tensor";
import type { Search } from "../engine/search.ts";
import { HyperplaneProjection, type PlaneNorm } from "./hyperplane.ts";

export interface WalkOptions {
  readonly alphaMax: number;
  readonly overshoot: number;
  readonly backwardStep: number;
}

/** FAB's steps: onto the linearised boundary from where the search is and from the clean sample, mixed. */
export class BoundaryWalk {
  readonly #search: Search;
  readonly #options: WalkOptions;
  readonly #projection: HyperplaneProjection;
  readonly #lower: Float32Array | Float64Array;
  readonly #upper: Float32Array | Float64Array;
  readonly #room: Float64Array;
  readonly #fromHere: Float64Array;
  readonly #fromOrigin: Float64Array;

  constructor(search: Search, options: WalkOptions) {
    const { width, threat, model } = search;
    this.#search = search;
    this.#options = options;
    this.#projection = new HyperplaneProjection(threat.norm as PlaneNorm, width);
    this.#lower = spread(model.bounds.lower, width);
    this.#upper = spread(model.bounds.upper, width);
    this.#room = new Float64Array(width);
    this.#fromHere = new Float64Array(width);
    this.#fromOrigin = new Float64Array(width);
  }

  /** Moves each sample by what the search's loss and gradient say: the function that is 0 at the boundary and its slope. */
  step(): void {
    const { x, origin, gradient, loss, active, width, threat } = this.#search;
    for (let row = 0; row < active; row++) {
      const slope = gradient.row(row);
      if (threat.mask) for (let j = 0; j < width; j++) if (!threat.mask[j]) slope[j] = 0;
      this.#stepRow(x.row(row), origin.row(row), slope, loss.values[row]!);
    }
  }

  /** Takes adversarial points back towards the clean samples. */
  drawBack(): void {
    const { x, origin, adversarial, active } = this.#search;
    for (let row = 0; row < active; row++) {
      if (adversarial.values[row] === 0) continue;
      const point = x.row(row);
      const center = origin.row(row);
      for (let j = 0; j < point.length; j++) {
        point[j] = center[j]! + (point[j]! - center[j]!) * this.#options.backwardStep;
      }
    }
  }

  #stepRow(point: Float32Array, center: Float32Array, slope: Float32Array, value: number): void {
    const { alphaMax, overshoot } = this.#options;
    const lower = this.#lower;
    const upper = this.#upper;
    const fromHere = this.#fromHere;
    const fromOrigin = this.#fromOrigin;
    let valueAtCenter = value;
    for (let j = 0; j < point.length; j++) valueAtCenter += slope[j]! * (center[j]! - point[j]!);
    const here = Math.max(this.#towardsZero(point, slope, value, fromHere), SMALLEST);
    const there = Math.max(this.#towardsZero(center, slope, valueAtCenter, fromOrigin), SMALLEST);
    const alpha = Math.min(here / (here + there), alphaMax);
    const stepHere = value >= 0 ? -overshoot : overshoot;
    const stepThere = valueAtCenter >= 0 ? -overshoot : overshoot;
    for (let j = 0; j < point.length; j++) {
      const sign = slope[j]! > 0 ? 1 : -1;
      const nearby = point[j]! + stepHere * sign * fromHere[j]!;
      const direct = center[j]! + stepThere * sign * fromOrigin[j]!;
      const moved = (1 - alpha) * nearby + alpha * direct;
      point[j] = moved < lower[j]! ? lower[j]! : moved > upper[j]! ? upper[j]! : moved;
    }
  }

  /** The smallest change of `point` within the bounds that takes a linear function of this value and slope to 0; returns its size. */
  #towardsZero(point: Float32Array, slope: Float32Array, value: number, moves: Float64Array): number {
    const room = this.#room;
    const rises = value < 0;
    for (let j = 0; j < point.length; j++) {
      const goesUp = slope[j]! > 0 === rises;
      room[j] = goesUp ? this.#upper[j]! - point[j]! : point[j]! - this.#lower[j]!;
    }
    return this.#projection.project({ slope, room, fall: Math.abs(value) }, moves);
  }
}

const SMALLEST = 1e-8; // as the authors keep 0/0 out
