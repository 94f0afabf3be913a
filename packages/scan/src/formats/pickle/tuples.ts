import { KIND, type Values } from "./growing.ts";

const SLOTS = 2 ** 20;

/** Above this, hashing or comparing a tuple never ends. */
export const HUGE_WEIGHT = 2 ** 32;

/** The tuples that were made last, in a ring: older ones forget their items, so that memory does not grow with the pickle. */
export class Tuples {
  readonly #kinds = new Uint8Array(SLOTS);
  readonly #data = new Float64Array(SLOTS);
  #next = 0;

  /** Keeps the top `count` values of a stack; the tuple's number. */
  add(stack: Values, count: number): number {
    const at = this.#next;
    const kept = Math.min(count, 64);
    const first = stack.length - count;
    let weight = 1;
    for (let each = 0; each < count; each++) {
      weight += stack.kinds[first + each] === KIND.tuple ? this.weight(stack.data[first + each]!) : 1;
    }
    this.#data[at % SLOTS] = weight;
    this.#data[(at + 1) % SLOTS] = kept;
    for (let each = 0; each < kept; each++) {
      this.#kinds[(at + 2 + each) % SLOTS] = stack.kinds[first + each]!;
      this.#data[(at + 2 + each) % SLOTS] = stack.data[first + each]!;
    }
    this.#next = at + 2 + kept;
    return at;
  }

  /** Leaves in a tuple when every reference is followed. */
  weight(tuple: number): number {
    return this.#isKept(tuple) ? this.#data[tuple % SLOTS]! : 1;
  }

  /** The number of the first item where that is text, else -1. */
  firstText(tuple: number): number {
    if (!this.#isKept(tuple) || this.#data[(tuple + 1) % SLOTS] === 0) return -1;
    return this.#kinds[(tuple + 2) % SLOTS] === KIND.text ? this.#data[(tuple + 2) % SLOTS]! : -1;
  }

  /** The first items; none where they are forgotten. */
  items(tuple: number): readonly { readonly kind: number; readonly value: number }[] {
    if (!this.#isKept(tuple)) return [];
    const count = this.#data[(tuple + 1) % SLOTS]!;
    return Array.from({ length: count }, (_, each) => ({
      kind: this.#kinds[(tuple + 2 + each) % SLOTS]!,
      value: this.#data[(tuple + 2 + each) % SLOTS]!,
    }));
  }

  #isKept(tuple: number): boolean {
    return this.#next - tuple < SLOTS - 128;
  }
}
