import { ScanError } from "../../../errors.ts";

/** Reads the numbers of a 7z header in order (7zFormat.txt of the LZMA SDK). Each throws MALFORMED beyond its end. */
export class HeaderReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) {
      throw new ScanError("MALFORMED", `7z, header byte ${this.#at}: expected ${length} more bytes`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** One to nine bytes: the first says by its leading ones how many follow. */
  number(): number {
    const first = this.byte();
    let value = 0;
    let mask = 0x80;
    for (let index = 0; index < 8; index++, mask >>= 1) {
      if ((first & mask) === 0) return value + (first & (mask - 1)) * 2 ** (8 * index);
      value += this.byte() * 2 ** (8 * index);
    }
    if (value > Number.MAX_SAFE_INTEGER)
      throw new ScanError("MALFORMED", `7z, header byte ${this.#at}: a number above 2^53`);
    return value;
  }

  /** A number of things of which each takes at least one bit of the header: no more than that can be there. */
  count(): number {
    const count = this.number();
    if (count > this.#bytes.length * 8)
      throw new ScanError("MALFORMED", `7z, header byte ${this.#at}: ${count} things`);
    return count;
  }

  bits(count: number): boolean[] {
    const bytes = this.take(Math.ceil(count / 8));
    return Array.from({ length: count }, (_, index) => ((bytes[index >> 3]! >> (7 - (index & 7))) & 1) === 1);
  }

  /** Bits that are left out where all are set. */
  optionalBits(count: number): boolean[] {
    return this.byte() === 0 ? this.bits(count) : new Array(count).fill(true);
  }

  /** Zero-terminated UTF-16. */
  name(): string {
    let end = this.#at;
    while (end + 1 < this.#bytes.length && this.#bytes.readUInt16LE(end) !== 0) end += 2;
    const name = this.take(end - this.#at).toString("utf16le");
    this.take(2);
    return name;
  }
}
