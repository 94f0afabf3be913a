import { KIND, type Values } from "./growing.ts";

const SLOTS_AT_MOST = 2 ** 20;

/** Above this, hashing or comparing a tuple never ends. */
export const HUGE_WEIGHT = 2 ** 32;

/** The tuples that were made last, in a ring: older ones forget their items, so that memory does not grow with the pickle. */
export class Tuples {
  #kinds = new Uint8Array(1024);
  #data = new Float64Array(1024);
  #mask = 1023;
  #next = 0;

  /** Keeps the top `count` values of a stack; the tuple's number. */
  add(stack: Values, count: number): number {
    const at = this.#next;
    const kept = Math.min(count, 64);
    if (at + kept + 2 > this.#mask && this.#mask + 1 < SLOTS_AT_MOST) this.#grow();
    const mask = this.#mask;
    const first = stack.length - count;
    let weight = 1;
    for (let each = 0; each < count; each++) {
      weight += stack.kinds[first + each] === KIND.tuple ? this.weight(stack.data[first + each]!) : 1;
    }
    this.#data[at & mask] = weight;
    this.#data[(at + 1) & mask] = kept;
    for (let each = 0; each < kept; each++) {
      this.#kinds[(at + 2 + each) & mask] = stack.kinds[first + each]!;
      this.#data[(at + 2 + each) & mask] = stack.data[first + each]!;
    }
    this.#next = at + 2 + kept;
    return at;
  }

  /** Leaves in a tuple when every reference is followed. */
  weight(tuple: number): number {
    return this.#isKept(tuple) ? this.#data[tuple & this.#mask]! : 1;
  }

  /** The number of the first item where that is text, else -1. */
  firstText(tuple: number): number {
    const mask = this.#mask;
    if (!this.#isKept(tuple) || this.#data[(tuple + 1) & mask] === 0) return -1;
    return this.#kinds[(tuple + 2) & mask] === KIND.text ? this.#data[(tuple + 2) & mask]! : -1;
  }

  /** The first items; none where they are forgotten. */
  items(tuple: number): readonly { readonly kind: number; readonly value: number }[] {
    if (!this.#isKept(tuple)) return [];
    const mask = this.#mask;
    const count = this.#data[(tuple + 1) & mask]!;
    return Array.from({ length: count }, (_, each) => ({
      kind: this.#kinds[(tuple + 2 + each) & mask]!,
      value: this.#data[(tuple + 2 + each) & mask]!,
    }));
  }

  #isKept(tuple: number): boolean {
    return this.#next <= this.#mask || this.#next - tuple < this.#mask - 128;
  }

  /** Before the ring has gone round once, what is in it keeps its place. */
  #grow(): void {
    const kinds = new Uint8Array(this.#kinds.length * 2);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const data = new Float64Array(this.#data.length * 2);
    data.set(this.#data);
    this.#data = data;
    this.#mask = data.length - 1;
  }
}
