import { ScanError } from "../../../errors.ts";
import { viewOf } from "../../../sources/little-endian.ts";
import type { Source } from "../../../sources/source.ts";

const MAGIC = 0x184d2204;
const LONGEST_BLOCK = 4 * 2 ** 20;
const WINDOW_BYTES = 64 * 1024;
const UNCOMPRESSED = 0x80000000;

/** Unpacks LZ4 frames block by block (LZ4 Frame Format 1.6.4). Checksums are not looked at. Throws MALFORMED. */
export function* unlz4(source: Source): Generator<Uint8Array> {
  let at = 0;
  while (at < source.size) {
    const header = viewOf(source, at, 7);
    const magic = header.getUint32(0, true);
    if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
      at += 8 + viewOf(source, at + 4, 4).getUint32(0, true); // a frame to be skipped
      continue;
    }
    if (magic !== MAGIC) throw new ScanError("MALFORMED", `lz4, byte ${at}: expected a frame`);
    const flags = header.getUint8(4);
    const hasSize = (flags & 0x08) !== 0;
    const hasDictionary = (flags & 0x01) !== 0;
    if (hasDictionary) throw new ScanError("UNSUPPORTED", "lz4: packed with a dictionary");
    const blockSumBytes = flags & 0x10 ? 4 : 0;
    at += 7 + (hasSize ? 8 : 0);
    let window = new Uint8Array(0);
    for (;;) {
      const word = viewOf(source, at, 4).getUint32(0, true);
      at += 4;
      if (word === 0) break;
      const length = word & ~UNCOMPRESSED;
      if (length > LONGEST_BLOCK + 1024)
        throw new ScanError("MALFORMED", `lz4, byte ${at}: a block of ${length} bytes`);
      const packed = new Uint8Array(source.read(at, length));
      if (packed.length < length) throw new ScanError("MALFORMED", `lz4, byte ${at}: cut off within a block`);
      const part = word >>> 31 ? packed : unpackBlock(packed, window);
      yield part;
      window = Buffer.concat([window, part]).subarray(-WINDOW_BYTES);
      at += length + blockSumBytes;
    }
    if (flags & 0x04) at += 4;
  }
}

/** One block: literals and matches, which may reach back into what came before it (LZ4 Block Format). */
function unpackBlock(packed: Uint8Array, window: Uint8Array): Uint8Array {
  const target = new Uint8Array(window.length + LONGEST_BLOCK);
  target.set(window);
  let to = window.length;
  let at = 0;
  const longer = (length: number): number => {
    if (length < 15) return length;
    let sum = length;
    for (;;) {
      const byte = packed[at++] ?? fault("a length breaks off");
      sum += byte;
      if (byte !== 255) return sum;
    }
  };
  while (at < packed.length) {
    const token = packed[at++]!;
    const literals = longer(token >> 4);
    if (at + literals > packed.length || to + literals > target.length) fault("literals beyond the block");
    target.set(packed.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === packed.length) break; // the last sequence has no match
    const distance = packed[at]! | ((packed[at + 1] ?? 0) << 8);
    at += 2;
    const matched = longer(token & 15) + 4;
    if (distance === 0 || distance > to || to + matched > target.length) fault(`a match ${distance} bytes back`);
    for (let each = 0; each < matched; each++, to++) target[to] = target[to - distance]!;
  }
  return target.slice(window.length, to);
}

function fault(what: string): never {
  throw new ScanError("MALFORMED", `lz4: ${what}`);
}
