import type { Bounds } from "../models/classifier.ts";
import { valueAt } from "../threats/radii.ts";
import type { Threat } from "../threats/threat.ts";
import { groupsOf } from "./constraint-spec.ts";
import { nextDown, nextUp } from "./tree-ensemble.ts";

/** A box: feature j from lower[j] to below upper[j]. */
export interface Box {
  readonly lower: Float32Array;
  readonly upper: Float32Array;
}

/** What points around one sample are possible: bounds, mask, and the rules that hold of single features and one-hot groups. */
export class Domain {
  readonly origin: Float32Array;
  /** Whether rules bind features together that `nearest` does not know of. */
  readonly hasOtherRules: boolean;
  readonly #limits: Box;
  readonly #integer: readonly boolean[];
  readonly #offset: ArrayLike<number>;
  readonly #scale: ArrayLike<number>;
  readonly #groups: readonly (readonly number[])[];
  readonly #inGroup: readonly boolean[];

  constructor(origin: Float32Array, { mask, constraints }: Threat, { lower, upper }: Bounds) {
    const width = origin.length;
    const features = constraints?.spec?.features;
    const { offset, scale } = constraints?.spec?.units ?? {
      offset: new Float64Array(width),
      scale: new Float64Array(width).fill(1),
    };
    this.origin = origin.slice();
    this.hasOtherRules =
      constraints !== undefined &&
      (features?.some(({ formula, atMost }) => formula !== undefined || atMost !== undefined) ?? true);
    this.#offset = offset;
    this.#scale = scale;
    this.#integer = Array.from(origin, (_, j) => features?.[j]?.integer ?? false);
    this.#groups = groupsOf(features ?? []);
    this.#inGroup = Array.from(origin, (_, j) => features?.[j]?.oneHot !== undefined);
    this.#limits = { lower: origin.slice(), upper: origin.map(nextUp) };
    for (let j = 0; j < width; j++) {
      const { mutable = true, direction, range, formula } = features?.[j] ?? {};
      if (mask?.[j] === 0 || (!mutable && !formula)) continue;
      const inUnits = (value: number) => Math.fround((value - offset[j]!) / scale[j]!);
      const least = Math.max(Math.fround(valueAt(lower, j)), range ? inUnits(range.lower) : -Infinity);
      const most = Math.min(Math.fround(valueAt(upper, j)), range ? inUnits(range.upper) : Infinity);
      if (direction !== "up") this.#limits.lower[j] = Math.min(origin[j]!, least);
      if (direction !== "down") this.#limits.upper[j] = nextUp(Math.max(origin[j]!, most));
    }
  }

  /** The whole domain as a box. */
  box(): Box {
    return { lower: this.#limits.lower.slice(), upper: this.#limits.upper.slice() };
  }

  /** The possible value of a feature in [lower, upper) that is nearest to the origin's; undefined if there is none. */
  nearestValue(j: number, lower: number, upper: number): number | undefined {
    const from = this.origin[j]!;
    if (!(lower < upper)) return undefined;
    if (from >= lower && from < upper) return from;
    if (this.#inGroup[j]) {
      const inside = [this.#inUnits(j, 0), this.#inUnits(j, 1)].filter((x) => x >= lower && x < upper);
      return inside.sort((a, b) => Math.abs(a - from) - Math.abs(b - from))[0];
    }
    if (!this.#integer[j]) return from < lower ? lower : nextDown(upper);
    const isUp = from < lower;
    const edge = this.#offset[j]! + this.#scale[j]! * (isUp ? lower : upper);
    let whole = isUp ? Math.floor(edge) - 1 : Math.ceil(edge) + 1; // a step too early: float32 may have moved the edge
    for (;;) {
      const x = this.#inUnits(j, whole);
      if (isUp ? x >= lower : x < upper) return (isUp ? x < upper : x >= lower) ? x : undefined;
      whole += isUp ? 1 : -1;
    }
  }

  /** The possible point of a box that is nearest to the origin, in any norm; undefined if there is none. */
  nearest({ lower, upper }: Box): Float32Array | undefined {
    const point = this.origin.slice();
    for (let j = 0; j < point.length; j++) {
      if (this.#inGroup[j]) continue;
      const x = this.nearestValue(j, lower[j]!, upper[j]!);
      if (x === undefined) return undefined;
      point[j] = x;
    }
    for (const group of this.#groups) {
      const fits = (x: number, j: number) => x >= lower[j]! && x < upper[j]!;
      const isAtHome = group.every((j) => fits(this.origin[j]!, j));
      if (isAtHome) continue;
      const values = (on: number) => group.map((j) => this.#inUnits(j, j === on ? 1 : 0));
      const size = (row: readonly number[]) =>
        row.reduce((sum, x, i) => sum + Math.abs(x - this.origin[group[i]!]!), 0);
      const rows = group.map(values).filter((row) => row.every((x, i) => fits(x, group[i]!)));
      const best = rows.sort((a, b) => size(a) - size(b))[0]; // two columns change: the cheapest is so in every norm
      if (!best) return undefined;
      for (const [i, j] of group.entries()) point[j] = best[i]!;
    }
    return point;
  }

  #inUnits(j: number, value: number): number {
    return Math.fround((value - this.#offset[j]!) / this.#scale[j]!);
  }
}
