import type { BallNorm } from "../threats/threat.ts";

export type PlaneNorm = Exclude<BallNorm, "l0">;

/** What is to be reached, and how far each feature may go for it. */
export interface Descent {
  /** How steep a linear function is in each feature: the absolute slope; 0 where a feature may not change. */
  readonly steepness: Float64Array;
  /** How far each feature can move in its direction before the box ends: at least 0. */
  readonly room: Float64Array;
  /** By how much the function is to change: at least 0. */
  readonly change: number;
}

/**
 * Projects points onto hyperplanes within a box: finds the smallest move, in one norm, by which a linear function changes by
 * a given amount or, where the box ends first, as far as it can (Croce & Hein, 2020, https://arxiv.org/abs/1907.02044). In
 * Linf and L2 that change is a concave, piecewise linear function of the length of the move, so that Newton's method from 0
 * ends in the exact solution after a few rounds over the features that still have room, without the authors' sorting; in L1
 * the steepest features move first, found by selection.
 */
export class HyperplaneProjection {
  readonly #norm: PlaneNorm;
  readonly #order: Int32Array;
  /** Of the features that still have room: how much of it, and how steep they are. */
  readonly #openRoom: Float64Array;
  readonly #openSteepness: Float64Array;

  constructor(norm: PlaneNorm, width: number) {
    this.#norm = norm;
    this.#order = new Int32Array(width);
    this.#openRoom = new Float64Array(width);
    this.#openSteepness = new Float64Array(width);
  }

  /** Fills `moves` with how far each feature is to move in its direction; returns the size of the whole. */
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
  #evenly({ steepness, room, change }: Descent, moves: Float64Array): number {
    const openRoom = this.#openRoom;
    const openSteepness = this.#openSteepness;
    let count = 0;
    let rate = 0; // of change per unit of length
    for (let j = 0; j < room.length; j++) {
      const space = room[j]!;
      if (!(space > 0)) continue;
      openRoom[count] = space;
      openSteepness[count++] = steepness[j]!;
      rate += steepness[j]!;
    }
    let rest = change;
    let length = rate > 0 ? rest / rate : 0;
    for (let before = -1; count !== before && rate > 0; ) {
      before = count;
      length = Math.max(length, rest / rate);
      count = 0;
      rate = 0;
      for (let i = 0; i < before; i++) {
        const space = openRoom[i]!;
        const steep = openSteepness[i]!;
        if (space > length) {
          openRoom[count] = space;
          openSteepness[count++] = steep;
          rate += steep;
        } else rest -= steep * space;
      }
    }
    // Without any that has room left and a slope, all others go to their ends.
    const reach = rate > 0 ? length : Infinity;
    let size = 0;
    for (let j = 0; j < room.length; j++) {
      const space = room[j]!;
      const move = steepness[j] === 0 ? 0 : space < reach ? space : reach;
      moves[j] = move;
      if (move > size) size = move;
    }
    return size;
  }

  /** Every feature moves in proportion to its slope, until its room ends. */
  #inProportion({ steepness, room, change }: Descent, moves: Float64Array): number {
    const openRoom = this.#openRoom;
    const openSteepness = this.#openSteepness;
    let count = 0;
    let rate = 0;
    for (let j = 0; j < room.length; j++) {
      const space = room[j]!;
      const steep = steepness[j]!;
      if (!(space > 0 && steep > 0)) continue;
      openRoom[count] = space;
      openSteepness[count++] = steep;
      rate += steep * steep;
    }
    let rest = change;
    let length = rate > 0 ? rest / rate : 0; // of the move, in units of the slope
    for (let before = -1; count !== before && rate > 0; ) {
      before = count;
      length = Math.max(length, rest / rate);
      count = 0;
      rate = 0;
      for (let i = 0; i < before; i++) {
        const space = openRoom[i]!;
        const steep = openSteepness[i]!;
        if (space > length * steep) {
          openRoom[count] = space;
          openSteepness[count++] = steep;
          rate += steep * steep;
        } else rest -= steep * space;
      }
    }
    const reach = rate > 0 ? length : Infinity;
    let sum = 0;
    for (let j = 0; j < room.length; j++) {
      const steep = steepness[j]!;
      const space = room[j]!;
      const wanted = reach * steep;
      const move = steep === 0 ? 0 : space < wanted ? space : wanted;
      moves[j] = move;
      sum += move * move;
    }
    return Math.sqrt(sum);
  }

  /** The steepest features move as far as they can, the last of them as far as is needed. */
  #steepestFirst({ steepness, room, change }: Descent, moves: Float64Array): number {
    const order = this.#order;
    let low = 0;
    let high = 0;
    for (let j = 0; j < room.length; j++) {
      moves[j] = 0;
      if (room[j]! > 0 && steepness[j]! > 0) order[high++] = j;
    }
    let rest = change;
    let size = 0;
    while (low < high && rest > 0) {
      const middle = divide(order, low, high, steepness);
      let gain = 0;
      for (let i = low; i < middle; i++) gain += steepness[order[i]!]! * room[order[i]!]!;
      if (gain > rest && middle - low > 1) {
        high = middle;
        continue;
      }
      for (; low < middle; low++) {
        const j = order[low]!;
        const move = Math.min(room[j]!, Math.max(0, rest / steepness[j]!));
        moves[j] = move;
        size += move;
        rest -= steepness[j]! * move;
      }
    }
    return size;
  }
}

/** Hoare's partition of order[low … high) by falling steepness; returns where the second part begins, or `high` if there is only one feature. */
function divide(order: Int32Array, low: number, high: number, steepness: Float64Array): number {
  if (high - low === 1) return high;
  const pivot = steepness[order[(low + high - 1) >> 1]!]!;
  let i = low;
  let j = high - 1;
  for (;;) {
    while (steepness[order[i]!]! > pivot) i++;
    while (steepness[order[j]!]! < pivot) j--;
    if (i >= j) return j + 1;
    const held = order[i]!;
    order[i++] = order[j]!;
    order[j--] = held;
  }
}
