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
  /** Lower and upper bound of each feature in turn, all finite. */
  readonly #limits: Float64Array;
  readonly #steepness: Float64Array;
  readonly #room: Float64Array;
  readonly #fromHere: Float64Array;
  readonly #fromOrigin: Float64Array;

  constructor(search: Search, options: WalkOptions) {
    const { width, threat, model } = search;
    this.#search = search;
    this.#options = options;
    this.#projection = new HyperplaneProjection(threat.norm as PlaneNorm, width);
    const lower = spread(model.bounds.lower, width);
    const upper = spread(model.bounds.upper, width);
    this.#limits = new Float64Array(2 * width);
    for (let j = 0; j < width; j++) {
      this.#limits[2 * j] = Math.max(lower[j]!, -UNREACHABLE);
      this.#limits[2 * j + 1] = Math.min(upper[j]!, UNREACHABLE);
    }
    this.#steepness = new Float64Array(width);
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
    const steepness = this.#steepness;
    const limits = this.#limits;
    const fromHere = this.#fromHere;
    const fromOrigin = this.#fromOrigin;
    let valueAtCenter = value;
    for (let j = 0; j < point.length; j++) {
      steepness[j] = Math.abs(slope[j]!);
      valueAtCenter += slope[j]! * (center[j]! - point[j]!);
    }
    const here = Math.max(this.#towardsZero(point, slope, value, fromHere), SMALLEST);
    const there = Math.max(this.#towardsZero(center, slope, valueAtCenter, fromOrigin), SMALLEST);
    const alpha = Math.min(here / (here + there), alphaMax);
    const stepHere = (value >= 0 ? -overshoot : overshoot) * (1 - alpha);
    const stepThere = (valueAtCenter >= 0 ? -overshoot : overshoot) * alpha;
    const bits = new Int32Array(slope.buffer, slope.byteOffset, slope.length);
    for (let j = 0; j < point.length; j++) {
      const sign = (bits[j]! >> 31) | 1;
      const middle = (1 - alpha) * point[j]! + alpha * center[j]!;
      const moved = middle + sign * (stepHere * fromHere[j]! + stepThere * fromOrigin[j]!);
      const low = limits[2 * j]!;
      const high = limits[2 * j + 1]!;
      point[j] = moved < low ? low : moved > high ? high : moved;
    }
  }

  /**
   * The smallest change of `point` within the bounds that takes a linear function of this value and slope to 0; returns its size.
   * Signs of a slope are as good as random and so are taken from its bits, without branches.
   */
  #towardsZero(point: Float32Array, slope: Float32Array, value: number, moves: Float64Array): number {
    const room = this.#room;
    const limits = this.#limits;
    const isRising = value < 0 ? 1 : 0;
    const bits = new Int32Array(slope.buffer, slope.byteOffset, slope.length);
    for (let j = 0; j < point.length; j++) {
      const goesUp = (bits[j]! >>> 31) ^ isRising; // 1 or 0
      room[j] = (2 * goesUp - 1) * (limits[2 * j + goesUp]! - point[j]!);
    }
    return this.#projection.project({ steepness: this.#steepness, room, change: Math.abs(value) }, moves);
  }
}

const SMALLEST = 1e-8; // as the authors keep 0/0 out
const UNREACHABLE = 1e300; // stands for infinity, whose product with 0 is not a number
