import { ScanError } from "../../errors.ts";
import { uint64, viewOf } from "../../sources/little-endian.ts";
import type { Source } from "../../sources/source.ts";

/** Reads little-endian values of a source in order. Each throws MALFORMED beyond its end. */
export class Cursor {
  readonly #source: Source;
  offset = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  uint8(): number {
    return this.#take(1).getUint8(0);
  }

  uint32(): number {
    return this.#take(4).getUint32(0, true);
  }

  uint64(): number {
    return uint64(this.#take(8), 0);
  }

  skip(bytes: number): void {
    if (!(bytes >= 0) || this.offset + bytes > this.#source.size) {
      throw new ScanError("MALFORMED", `byte ${this.offset}: ${bytes} bytes go beyond the end`);
    }
    this.offset += bytes;
  }

  /** UTF-8 of `length` bytes, of which at most `longest` are kept. */
  text(length: number, longest = 65_536): string {
    const start = this.offset;
    this.skip(length);
    return Buffer.from(this.#source.read(start, Math.min(length, longest))).toString("utf8");
  }

  #take(length: number): DataView {
    const view = viewOf(this.#source, this.offset, length);
    this.offset += length;
    return view;
  }
}
