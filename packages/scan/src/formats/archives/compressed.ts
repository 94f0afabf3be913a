import type { Format } from "../../format.ts";
import type { Source } from "../../sources/source.ts";
import { bunzip2 } from "./decoders/bunzip2.ts";
import { unlz4 } from "./decoders/unlz4.ts";
import { unlzma } from "./decoders/unlzma.ts";
import { unxz } from "./decoders/unxz.ts";
import { unzstd } from "./decoders/unzstd.ts";
import { unpackedName } from "./gzip.ts";

/** One compressed stream: what is inside is scanned by its content. */
function compressed(
  id: string,
  signature: readonly number[],
  decoder: (source: Source) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  fits: (head: Uint8Array) => boolean = () => true,
): Format {
  return {
    id,
    title: id,
    rules: {},
    detect: (head) => head.length > signature.length && signature.every((byte, at) => head[at] === byte) && fits(head),
    scan: async (source, context) => {
      await context.inside(await context.unpack(unpackedName(source), source.size, decoder(source)));
    },
  };
}

/** "BZh", the size of a block, and the digits of pi that begin one, or those of its root that end an empty stream. */
export const bzip2 = compressed("bzip2", [0x42, 0x5a, 0x68], bunzip2, (head) => {
  const start = Buffer.from(head.subarray(4, 10)).toString("hex");
  return head[3]! >= 0x31 && head[3]! <= 0x39 && (start === "314159265359" || start === "177245385090");
});

export const xz = compressed("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], unxz);

export const zstd = compressed("zstd", [0x28, 0xb5, 0x2f, 0xfd], unzstd);

export const lz4 = compressed("lz4", [0x04, 0x22, 0x4d, 0x18], unlz4);

/** The older container of LZMA: usual properties, a dictionary of a usual size, and a size that is unknown or below 2^40. */
export const lzma = compressed("lzma", [0x5d, 0x00, 0x00], unlzma, (head) => {
  if (head.length < 14) return false;
  const size = Buffer.from(head.subarray(5, 13)).readBigUInt64LE();
  return head[13] === 0 && (size === 0xffffffffffffffffn || size < 1n << 40n);
});
