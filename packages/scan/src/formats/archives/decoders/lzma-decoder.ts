import { ScanError } from "../../../errors.ts";

const STATES = 12;
const LENGTH_SYMBOLS = 2 + 16 * 8 + 16 * 8 + 256;
const HALF = 1024; // a probability of one half, of 2048

/** Literal context, literal position and position bits: what the first byte of an LZMA stream says. */
export interface LzmaProperties {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
}

/** The properties in their one byte, (pb · 5 + lp) · 9 + lc. Throws MALFORMED. */
export function lzmaProperties(byte: number): LzmaProperties {
  if (byte >= 9 * 5 * 5) throw new ScanError("MALFORMED", `lzma: properties ${byte}, expected less than 225`);
  return { lc: byte % 9, lp: Math.floor(byte / 9) % 5, pb: Math.floor(byte / 45) };
}

/**
 * LZMA by its specification (I. Pavlov, "LZMA specification", 7-zip.org/sdk.html), with all that it remembers between chunks, as LZMA2
 * needs. No package on npm unpacks it piece by piece.
 */
export class LzmaDecoder {
  readonly #window: Uint8Array;
  #at = 0;
  #total = 0;
  #flushed = 0;
  #properties: LzmaProperties = { lc: 3, lp: 0, pb: 2 };
  #state = 0;
  #distances: [number, number, number, number] = [0, 0, 0, 0];
  #literal = new Uint16Array(0);
  readonly #isMatch = new Uint16Array(STATES << 4);
  readonly #isRep = new Uint16Array(STATES);
  readonly #isRepG0 = new Uint16Array(STATES);
  readonly #isRepG1 = new Uint16Array(STATES);
  readonly #isRepG2 = new Uint16Array(STATES);
  readonly #isRep0Long = new Uint16Array(STATES << 4);
  readonly #slot = new Uint16Array(4 << 6);
  readonly #special = new Uint16Array(128);
  readonly #align = new Uint16Array(16);
  readonly #matchLength = new Uint16Array(LENGTH_SYMBOLS);
  readonly #repLength = new Uint16Array(LENGTH_SYMBOLS);
  #input: Uint8Array = new Uint8Array(0);
  #position = 0;
  #range = 0;
  #code = 0;

  constructor(dictionaryBytes: number) {
    this.#window = new Uint8Array(Math.max(4096, dictionaryBytes));
  }

  /** Begins anew with other properties, as at the start of a stream. What was unpacked stays to be matched. */
  reset(properties = this.#properties): void {
    this.#properties = properties;
    this.#state = 0;
    this.#distances = [0, 0, 0, 0];
    this.#literal = new Uint16Array(0x300 << (properties.lc + properties.lp)).fill(HALF);
    for (const table of [this.#isMatch, this.#isRep, this.#isRepG0, this.#isRepG1, this.#isRepG2, this.#isRep0Long])
      table.fill(HALF);
    for (const table of [this.#slot, this.#special, this.#align, this.#matchLength, this.#repLength]) table.fill(HALF);
  }

  /** Copies bytes that were stored, so that they can be matched later. */
  *store(bytes: Uint8Array): Generator<Uint8Array> {
    for (const byte of bytes) {
      this.#put(byte);
      if (this.#pending === this.#window.length) yield this.#flush();
    }
    yield this.#flush();
  }

  /** Unpacks one piece of input to `size` bytes, or to its end marker where the size is not known. */
  *decode(input: Uint8Array, size: number | undefined): Generator<Uint8Array> {
    this.#input = input;
    this.#position = 0;
    this.#range = 0xffffffff;
    this.#code = 0;
    for (let each = 0; each < 5; each++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
    const end = size === undefined ? Number.POSITIVE_INFINITY : this.#total + size;
    while (this.#total < end) {
      if (this.#symbol(end)) break;
      if (this.#pending >= this.#window.length / 2) yield this.#flush();
    }
    yield this.#flush();
  }

  get #pending(): number {
    return this.#total - this.#flushed;
  }

  #flush(): Uint8Array {
    const count = this.#pending;
    const part = new Uint8Array(count);
    const start = (this.#at - count + this.#window.length) % this.#window.length;
    const first = Math.min(count, this.#window.length - start);
    part.set(this.#window.subarray(start, start + first));
    part.set(this.#window.subarray(0, count - first), first);
    this.#flushed = this.#total;
    return part;
  }

  #put(byte: number): void {
    this.#window[this.#at] = byte;
    this.#at = this.#at + 1 === this.#window.length ? 0 : this.#at + 1;
    this.#total++;
  }

  #back(distance: number): number {
    const at = this.#at - distance - 1;
    return this.#window[at < 0 ? at + this.#window.length : at]!;
  }

  /** One literal or match; true at the end marker. */
  #symbol(end: number): boolean {
    const posState = this.#total & ((1 << this.#properties.pb) - 1);
    if (this.#bit(this.#isMatch, (this.#state << 4) + posState) === 0) {
      this.#decodeLiteral();
      return false;
    }
    let length: number;
    const [rep0, rep1, rep2, rep3] = this.#distances;
    if (this.#bit(this.#isRep, this.#state) === 0) {
      length = this.#length(this.#matchLength, posState);
      this.#state = this.#state < 7 ? 7 : 10;
      const distance = this.#distance(length);
      if (distance === 0xffffffff) return true;
      this.#distances = [distance, rep0, rep1, rep2];
    } else {
      if (this.#bit(this.#isRepG0, this.#state) === 0) {
        if (this.#bit(this.#isRep0Long, (this.#state << 4) + posState) === 0) {
          this.#state = this.#state < 7 ? 9 : 11;
          this.#copy(rep0, 1, end);
          return false;
        }
      } else if (this.#bit(this.#isRepG1, this.#state) === 0) this.#distances = [rep1, rep0, rep2, rep3];
      else if (this.#bit(this.#isRepG2, this.#state) === 0) this.#distances = [rep2, rep0, rep1, rep3];
      else this.#distances = [rep3, rep0, rep1, rep2];
      length = this.#length(this.#repLength, posState);
      this.#state = this.#state < 7 ? 8 : 11;
    }
    this.#copy(this.#distances[0], length + 2, end);
    return false;
  }

  #copy(distance: number, length: number, end: number): void {
    if (distance >= this.#total || distance >= this.#window.length) fault(`a match ${distance + 1} bytes back`);
    const count = Math.min(length, end - this.#total);
    for (let each = 0; each < count; each++) this.#put(this.#back(distance));
  }

  #decodeLiteral(): void {
    const { lc, lp } = this.#properties;
    const previous = this.#total === 0 ? 0 : this.#back(0);
    const context = ((this.#total & ((1 << lp) - 1)) << lc) + (previous >> (8 - lc));
    const base = 0x300 * context;
    let symbol = 1;
    if (this.#state >= 7) {
      let matched = this.#back(this.#distances[0]);
      while (symbol < 0x100) {
        const bit = (matched >> 7) & 1;
        matched = (matched << 1) & 0xff;
        const decoded = this.#bit(this.#literal, base + ((1 + bit) << 8) + symbol);
        symbol = (symbol << 1) | decoded;
        if (decoded !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literal, base + symbol);
    this.#put(symbol & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #length(table: Uint16Array, posState: number): number {
    if (this.#bit(table, 0) === 0) return this.#tree(table, 2 + (posState << 3), 3);
    if (this.#bit(table, 1) === 0) return 8 + this.#tree(table, 2 + 128 + (posState << 3), 3);
    return 16 + this.#tree(table, 2 + 256, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(this.#slot, Math.min(length, 3) << 6, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < 14) return base + this.#reverse(this.#special, base - slot, bits);
    return (base + ((this.#direct(bits - 4) << 4) >>> 0) + this.#reverse(this.#align, 0, 4)) >>> 0;
  }

  #tree(table: Uint16Array, offset: number, bits: number): number {
    let symbol = 1;
    for (let each = 0; each < bits; each++) symbol = (symbol << 1) | this.#bit(table, offset + symbol);
    return symbol - (1 << bits);
  }

  #reverse(table: Uint16Array, offset: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let each = 0; each < bits; each++) {
      const bit = this.#bit(table, offset + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << each;
    }
    return value;
  }

  #direct(bits: number): number {
    let value = 0;
    for (let each = 0; each < bits; each++) {
      this.#range >>>= 1;
      const isSet = this.#code >= this.#range;
      if (isSet) this.#code = (this.#code - this.#range) >>> 0;
      this.#normalize();
      value = ((value << 1) | (isSet ? 1 : 0)) >>> 0;
    }
    return value;
  }

  #bit(table: Uint16Array, index: number): number {
    const probability = table[index]!;
    const bound = (this.#range >>> 11) * probability;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      table[index] = probability + ((2048 - probability) >> 5);
    } else {
      this.#range = (this.#range - bound) >>> 0;
      this.#code = (this.#code - bound) >>> 0;
      table[index] = probability - (probability >> 5);
      bit = 1;
    }
    this.#normalize();
    return bit;
  }

  #normalize(): void {
    if (this.#range < 0x1000000) {
      this.#range = (this.#range << 8) >>> 0;
      this.#code = ((this.#code << 8) | this.#next()) >>> 0;
    }
  }

  #next(): number {
    return this.#input[this.#position++] ?? fault("the data breaks off");
  }
}

function fault(what: string): never {
  throw new ScanError("MALFORMED", `lzma: ${what}`);
}
