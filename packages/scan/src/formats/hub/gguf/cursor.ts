import { ScanError } from "../../../errors.ts";
import type { Source } from "../../../sources/source.ts";

const WINDOW_BYTES = 2 ** 18;

/** Reads numbers and texts of a source one behind the other. Each throws MALFORMED beyond the end. */
export class Cursor {
  readonly #source: Source;
  readonly #isLittleEndian: boolean;
  #view = new DataView(new ArrayBuffer(0));
  #from = 0;
  at: number;

  constructor(source: Source, at: number, isLittleEndian: boolean) {
    this.#source = source;
    this.#isLittleEndian = isLittleEndian;
    this.at = at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#source.size - this.at;
  }

  uint32(): number {
    const offset = this.#take(4);
    return this.#view.getUint32(offset, this.#isLittleEndian);
  }

  /** More than 2^53 becomes Infinity, which no file reaches. */
  uint64(): number {
    const offset = this.#take(8);
    const value = this.#view.getBigUint64(offset, this.#isLittleEndian);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
  }

  bytes(length: number): Uint8Array {
    if (length <= WINDOW_BYTES) {
      const offset = this.#take(length);
      return new Uint8Array(this.#view.buffer, this.#view.byteOffset + offset, length);
    }
    this.#expect(length);
    const bytes = this.#source.read(this.at, length);
    this.at += length;
    return bytes;
  }

  skip(length: number): void {
    this.#expect(length);
    this.at += length;
  }

  #take(length: number): number {
    this.#expect(length);
    if (this.at < this.#from || this.at + length > this.#from + this.#view.byteLength) {
      const copy = new Uint8Array(this.#source.read(this.at, WINDOW_BYTES));
      this.#view = new DataView(copy.buffer);
      this.#from = this.at;
    }
    const offset = this.at - this.#from;
    this.at += length;
    return offset;
  }

  #expect(length: number): void {
    if (length > this.left)
      throw new ScanError("MALFORMED", `byte ${this.at}: expected ${length} bytes, got ${this.left}`);
  }
}
