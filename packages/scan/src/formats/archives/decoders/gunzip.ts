import { crc32 } from "node:zlib";
import { ScanError } from "../../../errors.ts";
import { type Source, slice } from "../../../sources/source.ts";
import { inflate } from "./inflate.ts";

const FLAGS = { headerSum: 2, extra: 4, name: 8, comment: 16 };
const LONGEST_TEXT = 64 * 1024;
const TRAILER_BYTES = 8;

/** Whether a member of a gzip file begins at an offset. */
export function isGzip(source: Source, offset: number): boolean {
  const [first, second, method] = source.read(offset, 3);
  return first === 0x1f && second === 0x8b && method === 8;
}

/**
 * Unpacks gzip (RFC 1952), member by member. `onEnd` is told where the last one ends: what lies behind is not gzip. `onWrongSum` is
 * told the offset of a member whose checksum or length is wrong. Throws MALFORMED.
 */
export async function* gunzip(
  source: Source,
  onEnd: (offset: number) => void,
  onWrongSum: (offset: number) => void,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  while (at < source.size && isGzip(source, at)) {
    const start = at;
    const data = at + headerBytes(source, at);
    let used = 0;
    let sum = 0;
    let length = 0;
    for await (const part of inflate(slice(source, source.entry, data, source.size), "raw", (bytes) => {
      used = bytes;
    })) {
      sum = crc32(part, sum);
      length += part.length;
      yield part;
    }
    const trailer = Buffer.from(source.read(data + used, TRAILER_BYTES));
    if (trailer.length < TRAILER_BYTES) throw new ScanError("MALFORMED", "gzip: cut off before its checksum");
    if (trailer.readUInt32LE(0) !== sum || trailer.readUInt32LE(4) !== length % 2 ** 32) onWrongSum(start);
    at = data + used + TRAILER_BYTES;
  }
  onEnd(at);
}

function headerBytes(source: Source, start: number): number {
  const flags = source.read(start + 3, 1)[0] ?? 0;
  let at = start + 10;
  if (flags & FLAGS.extra) {
    const [low = 0, high = 0] = source.read(at, 2);
    at += 2 + low + high * 256;
  }
  for (const flag of [FLAGS.name, FLAGS.comment]) {
    if (!(flags & flag)) continue;
    const length = source.read(at, LONGEST_TEXT).indexOf(0);
    if (length < 0) throw new ScanError("MALFORMED", `gzip, byte ${at}: a text that does not end`);
    at += length + 1;
  }
  if (flags & FLAGS.headerSum) at += 2;
  return at - start;
}
