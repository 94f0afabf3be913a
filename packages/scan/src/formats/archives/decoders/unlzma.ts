import { ScanError } from "../../../errors.ts";
import type { Source } from "../../../sources/source.ts";
import { LzmaDecoder, lzmaProperties } from "./lzma-decoder.ts";

/** Packed data is held in memory, and so is the dictionary: larger ones are not unpacked. */
const LONGEST_BYTES = 128 * 2 ** 20;

/** Unpacks an .lzma file: properties, size of the dictionary, size, data. Throws LIMIT_EXCEEDED and MALFORMED. */
export function unlzma(source: Source): Generator<Uint8Array> {
  const header = Buffer.from(source.read(0, 13));
  if (header.length < 13) throw new ScanError("MALFORMED", "lzma: expected a header of 13 bytes");
  const stated = header.readBigUInt64LE(5);
  const size = stated === 0xffffffffffffffffn ? undefined : Number(stated);
  return unlzmaRaw(source, 13, header, size);
}

/** Unpacks bare LZMA from an offset on, with its five bytes of properties. */
export function* unlzmaRaw(
  source: Source,
  offset: number,
  properties: Uint8Array,
  size: number | undefined,
): Generator<Uint8Array> {
  const dictionaryBytes = Buffer.from(properties).readUInt32LE(1);
  const decoder = new LzmaDecoder(window(dictionaryBytes, size));
  decoder.reset(lzmaProperties(properties[0]!));
  yield* decoder.decode(packedBytes(source, offset), size);
}

/** Unpacks LZMA2 (as in xz, https://tukaani.org/xz/xz-file-format.txt): chunks that keep or reset what the decoder knows. */
export function* unlzma2(source: Source, dictionaryByte: number, size: number): Generator<Uint8Array> {
  const dictionaryBytes =
    dictionaryByte >= 40 ? 0xffffffff : (2 | (dictionaryByte & 1)) * 2 ** (Math.floor(dictionaryByte / 2) + 11);
  const decoder = new LzmaDecoder(window(dictionaryBytes, size));
  const packed = packedBytes(source, 0);
  let at = 0;
  for (;;) {
    const control = packed[at];
    if (control === undefined) throw new ScanError("MALFORMED", "lzma2: the data breaks off");
    if (control === 0) return;
    if (control <= 2) {
      const length = ((packed[at + 1] ?? 0) << 8) + (packed[at + 2] ?? 0) + 1;
      yield* decoder.store(packed.subarray(at + 3, at + 3 + length));
      at += 3 + length;
      continue;
    }
    if (control < 0x80) throw new ScanError("MALFORMED", `lzma2, byte ${at}: a chunk of the kind ${control}`);
    const unpackedBytes = ((control & 0x1f) << 16) + ((packed[at + 1] ?? 0) << 8) + (packed[at + 2] ?? 0) + 1;
    const length = ((packed[at + 3] ?? 0) << 8) + (packed[at + 4] ?? 0) + 1;
    const hasProperties = control >= 0xc0;
    if (hasProperties) decoder.reset(lzmaProperties(packed[at + 5] ?? 255));
    else if (control >= 0xa0) decoder.reset();
    const start = at + (hasProperties ? 6 : 5);
    yield* decoder.decode(packed.subarray(start, start + length), unpackedBytes);
    at = start + length;
  }
}

function window(dictionaryBytes: number, size: number | undefined): number {
  const needed = Math.min(dictionaryBytes, size ?? dictionaryBytes);
  if (needed > LONGEST_BYTES) {
    throw new ScanError(
      "LIMIT_EXCEEDED",
      `lzma: a dictionary of ${dictionaryBytes} bytes, expected at most ${LONGEST_BYTES}`,
    );
  }
  return needed;
}

function packedBytes(source: Source, offset: number): Uint8Array {
  if (source.size - offset > LONGEST_BYTES) {
    throw new ScanError("LIMIT_EXCEEDED", `lzma: ${source.size} bytes, expected at most ${LONGEST_BYTES}`);
  }
  return new Uint8Array(source.read(offset, source.size - offset));
}
