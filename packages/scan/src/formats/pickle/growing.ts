import { ScanError } from "../../errors.ts";

/** What lies on the machine's stack or in its memo: a kind, and a number whose meaning depends on it. */
export const KIND = {
  /** Something that cannot be called and whose value does not matter. */
  other: 0,
  /** Text; the number is the offset of the opcode that pushed it. */
  text: 1,
  /** The same for bytes. */
  bytes: 2,
  /** A tuple; the number is where its items are among the tuples. */
  tuple: 3,
  /** What was imported; the number is its index among the globals. */
  global: 4,
  /** What came of calling a global, or of making an instance of it: its index, and above what it was given. */
  instance: 5,
  /** A list, a dictionary or a set; the number is the offset of the opcode that began it. */
  container: 6,
  /** A small whole number: itself. */
  integer: 7,
} as const;

const LONGEST = 2 ** 26;

/** A stack of values in two typed arrays: no object for each. */
export class Values {
  kinds = new Uint8Array(1024);
  data = new Float64Array(1024);
  length = 0;

  push(kind: number, value: number): void {
    if (this.length === this.kinds.length) this.#grow(this.length + 1);
    this.kinds[this.length] = kind;
    this.data[this.length++] = value;
  }

  /** Sets a value by its index, which may lie beyond the end. */
  set(index: number, kind: number, value: number): void {
    if (index >= this.kinds.length) this.#grow(index + 1);
    this.kinds[index] = kind;
    this.data[index] = value;
    if (index >= this.length) this.length = index + 1;
  }

  #grow(needed: number): void {
    if (needed > LONGEST) throw new ScanError("LIMIT_EXCEEDED", `more than ${LONGEST} values at once`);
    const capacity = Math.min(LONGEST, Math.max(needed, this.kinds.length * 4));
    const kinds = new Uint8Array(capacity);
    kinds.set(this.kinds);
    this.kinds = kinds;
    const data = new Float64Array(capacity);
    data.set(this.data);
    this.data = data;
  }
}
