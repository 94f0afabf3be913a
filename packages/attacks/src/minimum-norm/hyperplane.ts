import type { BallNorm } from "../threats/threat.ts";

export type PlaneNorm = Exclude<BallNorm, "l0">;

/** What is to be reached, and how far each feature may go for it. */
export interface Descent {
  /** Slope of a linear function in each feature; 0 where a feature may not change. */
  readonly slope: Float32Array;
  /** How far each feature can move against its slope before the box ends: at least 0. */
  readonly room: Float64Array;
  /** By how much the function is to fall: at least 0. */
  readonly fall: number;
}

/**
 * Projects points onto hyperplanes within a box: finds the smallest change, in one norm, by which a linear function falls by
 * a given amount or, where the box ends first, as far as it can (Croce & Hein, 2020, https://arxiv.org/abs/1907.02044). In
 * Linf and L2 the fall is a concave, piecewise linear function of the length of the change, so that Newton's method from 0
 * ends in the exact solution after a few rounds over the features that still have room, without the authors' sorting; in L1
 * the steepest features move first, found by selection.
 */
export class HyperplaneProjection {
  readonly #norm: PlaneNorm;
  readonly #order: Int32Array;

  constructor(norm: PlaneNorm, width: number) {
    this.#norm = norm;
    this.#order = new Int32Array(width);
  }

  /** Fills `moves` with how far each feature is to move against its slope; returns the size of the change. */
  project(descent: Descent, moves: Float64Array): number {
    switch (this.#norm) {
      case "linf":
        return this.#evenly(descent, moves);
      case "l2":
        return this.#inProportion(descent, moves);
      case "l1":
        return this.#steepestFirst(descent, moves);
    }
  }

  /** Every feature moves by the same length, until its room ends. */
  #evenly({ slope, room, fall }: Descent, moves: Float64Array): number {
    const open = this.#order;
    let count = 0;
    let rate = 0; // by which the function falls per unit of length
    for (let j = 0; j < slope.length; j++) {
      const isOpen = slope[j] !== 0 && room[j]! > 0;
      moves[j] = isOpen ? room[j]! : 0;
      if (!isOpen) continue;
      open[count++] = j;
      rate += Math.abs(slope[j]!);
    }
    let rest = fall;
    let length = 0;
    for (let before = -1; count > 0 && count !== before; ) {
      before = count;
      length = Math.max(length, rest / rate);
      count = 0;
      rate = 0;
      for (let i = 0; i < before; i++) {
        const j = open[i]!;
        const steepness = Math.abs(slope[j]!);
        if (room[j]! > length) {
          open[count++] = j;
          rate += steepness;
        } else rest -= steepness * room[j]!;
      }
    }
    for (let i = 0; i < count; i++) moves[open[i]!] = length;
    return count > 0 ? length : largest(moves);
  }

  /** Every feature moves in proportion to its slope, until its room ends. */
  #inProportion({ slope, room, fall }: Descent, moves: Float64Array): number {
    const open = this.#order;
    let count = 0;
    let rate = 0;
    for (let j = 0; j < slope.length; j++) {
      const isOpen = slope[j] !== 0 && room[j]! > 0;
      moves[j] = isOpen ? room[j]! : 0;
      if (!isOpen) continue;
      open[count++] = j;
      rate += slope[j]! * slope[j]!;
    }
    let rest = fall;
    let length = 0; // of the change, in units of the slope
    for (let before = -1; count > 0 && count !== before; ) {
      before = count;
      length = Math.max(length, rest / rate);
      count = 0;
      rate = 0;
      for (let i = 0; i < before; i++) {
        const j = open[i]!;
        const steepness = Math.abs(slope[j]!);
        if (room[j]! > length * steepness) {
          open[count++] = j;
          rate += steepness * steepness;
        } else rest -= steepness * room[j]!;
      }
    }
    for (let i = 0; i < count; i++) moves[open[i]!] = length * Math.abs(slope[open[i]!]!);
    let sum = 0;
    for (let j = 0; j < moves.length; j++) sum += moves[j]! * moves[j]!;
    return Math.sqrt(sum);
  }

  /** The steepest features move as far as they can, the last of them as far as is needed. */
  #steepestFirst({ slope, room, fall }: Descent, moves: Float64Array): number {
    const order = this.#order;
    let low = 0;
    let high = 0;
    for (let j = 0; j < slope.length; j++) {
      moves[j] = 0;
      if (slope[j] !== 0 && room[j]! > 0) order[high++] = j;
    }
    let rest = fall;
    let size = 0;
    while (low < high && rest > 0) {
      const middle = divide(order, low, high, slope);
      let gain = 0;
      for (let i = low; i < middle; i++) gain += Math.abs(slope[order[i]!]!) * room[order[i]!]!;
      if (gain > rest && middle - low > 1) {
        high = middle;
        continue;
      }
      for (; low < middle; low++) {
        const j = order[low]!;
        const steepness = Math.abs(slope[j]!);
        const move = Math.min(room[j]!, Math.max(0, rest / steepness));
        moves[j] = move;
        size += move;
        rest -= steepness * move;
      }
    }
    return size;
  }
}

/** Hoare's partition of order[low … high) by falling steepness; returns where the second part begins, or `high` if there is only one feature. */
function divide(order: Int32Array, low: number, high: number, slope: Float32Array): number {
  if (high - low === 1) return high;
  const pivot = Math.abs(slope[order[(low + high - 1) >> 1]!]!);
  let i = low;
  let j = high - 1;
  for (;;) {
    while (Math.abs(slope[order[i]!]!) > pivot) i++;
    while (Math.abs(slope[order[j]!]!) < pivot) j--;
    if (i >= j) return j + 1;
    const held = order[i]!;
    order[i++] = order[j]!;
    order[j--] = held;
  }
}

function largest(values: Float64Array): number {
  let most = 0;
  for (let j = 0; j < values.length; j++) if (values[j]! > most) most = values[j]!;
  return most;
}
