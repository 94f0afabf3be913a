import { ScanError } from "../../errors.ts";
import type { Source } from "../../sources/source.ts";

const WINDOW_BYTES = 2 ** 20;
const LONGEST_LINE = 2 ** 26;

/** A source read forwards in large pieces, so that a loop over single bytes looks at plain memory. */
export class Window {
  readonly #source: Source;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Offset in the source of the first byte. */
  base = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  get size(): number {
    return this.#source.size;
  }

  /** Moves so that the window begins at an offset. */
  moveTo(offset: number): void {
    this.base = offset;
    this.bytes = new Uint8Array(this.#source.read(offset, WINDOW_BYTES));
    this.view = new DataView(this.bytes.buffer);
  }

  /** Bytes anywhere in the source, by a read of their own. */
  peek(offset: number, length: number): Uint8Array {
    return this.#source.read(offset, length);
  }

  /** Offset of the next newline from an offset on. Throws MALFORMED where there is none. */
  lineEnd(offset: number): number {
    if (offset >= this.base) {
      const found = this.bytes.indexOf(0x0a, offset - this.base);
      if (found >= 0) return this.base + found;
    }
    for (let at = offset; at < this.size && at - offset < LONGEST_LINE; at += WINDOW_BYTES) {
      const found = this.#source.read(at, WINDOW_BYTES).indexOf(0x0a);
      if (found >= 0) return at + found;
    }
    throw new ScanError("MALFORMED", `byte ${offset}: a line that does not end`);
  }

  text(offset: number, length: number): string {
    return Buffer.from(this.#source.read(offset, length)).toString("utf8");
  }
}
