import { crc32 } from "node:zlib";
import { ScanError } from "../../../errors.ts";
import type { Format, ScanContext } from "../../../format.ts";
import { type Source, slice } from "../../../sources/source.ts";
import { bunzip2 } from "../decoders/bunzip2.ts";
import { inflate } from "../decoders/inflate.ts";
import { unlzma2, unlzmaRaw } from "../decoders/unlzma.ts";
import { unzstd } from "../decoders/unzstd.ts";
import { checkName } from "../entry-names.ts";
import { readNames } from "./files.ts";
import { HeaderReader } from "./header-reader.ts";
import { type Folder, readStreams, type Streams } from "./streams.ts";

const SIGNATURE = [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c];
const SIGNATURE_HEADER_BYTES = 32;
const LONGEST_HEADER = 64 * 2 ** 20;
const HEADER = 1;
const ENCODED_HEADER = 0x17;

/** 7z archives (7zFormat.txt of the LZMA SDK), packed by one of stored, LZMA, LZMA2, Deflate, bzip2 and Zstandard. */
export const sevenZip: Format = {
  id: "7z",
  title: "7z archive",
  rules: {},
  detect: (head) => SIGNATURE.every((byte, at) => head[at] === byte),
  scan,
};

async function scan(source: Source, context: ScanContext): Promise<void> {
  const start = Buffer.from(source.read(0, SIGNATURE_HEADER_BYTES));
  if (start.length < SIGNATURE_HEADER_BYTES) throw new ScanError("MALFORMED", "7z: cut off within the header");
  const offset = Number(start.readBigUInt64LE(12));
  const length = Number(start.readBigUInt64LE(20));
  if (offset + length > source.size - SIGNATURE_HEADER_BYTES) {
    throw new ScanError(
      "MALFORMED",
      `7z: ${offset + length} bytes, of which ${source.size - SIGNATURE_HEADER_BYTES} are there`,
    );
  }
  if (length > LONGEST_HEADER) throw new ScanError("LIMIT_EXCEEDED", `7z: a header of ${length} bytes`);
  if (length === 0) return;
  let header: Source = slice(source, source.entry, SIGNATURE_HEADER_BYTES + offset, length);
  if (crc32(header.read(0, header.size)) !== start.readUInt32LE(28))
    throw new ScanError("MALFORMED", "7z: the header does not fit its checksum");
  for (let depth = 0; header.read(0, 1)[0] === ENCODED_HEADER; depth++) {
    if (depth > 4) throw new ScanError("LIMIT_EXCEEDED", "7z: a header packed more than four times");
    const streams = readStreams(new HeaderReader(header.read(1, header.size)));
    header = (await unpackFolder(source, streams, 0, context)) ?? header;
    if (header.size > LONGEST_HEADER) throw new ScanError("LIMIT_EXCEEDED", `7z: a header of ${header.size} bytes`);
  }
  const bytes = new Uint8Array(header.read(0, header.size));
  if (bytes[0] !== HEADER) throw new ScanError("MALFORMED", "7z: expected a header");
  const { streams, names } = readNames(new HeaderReader(bytes.subarray(1)));
  for (const name of names) checkName(name, context, { entry: name });
  await scanFolders(source, streams, names, context);
}

async function scanFolders(
  source: Source,
  streams: Streams,
  names: readonly string[],
  context: ScanContext,
): Promise<void> {
  let next = 0;
  for (const [index, folder] of streams.folders.entries()) {
    const first = next;
    next += folder.fileBytes.length;
    await context.attempt(source.entry, async () => {
      const unpacked = await unpackFolder(source, streams, index, context);
      let offset = 0;
      for (const [each, bytes] of folder.fileBytes.entries()) {
        context.countEntry();
        const name = names[first + each] ?? `file ${first + each}`;
        await context.inside(slice(unpacked, source.entry === "" ? name : `${source.entry}!${name}`, offset, bytes));
        offset += bytes;
      }
    });
  }
}

async function unpackFolder(source: Source, streams: Streams, index: number, context: ScanContext): Promise<Source> {
  const folder = streams.folders[index];
  if (!folder) throw new ScanError("MALFORMED", "7z: a header without a stream");
  const before = streams.folders.slice(0, index).reduce((sum, { packedStreams }) => sum + packedStreams, 0);
  const offset = streams.packedBytes
    .slice(0, before)
    .reduce((sum, bytes) => sum + bytes, SIGNATURE_HEADER_BYTES + streams.packOffset);
  const packedBytes = streams.packedBytes[before] ?? 0;
  const packed = slice(source, source.entry, offset, packedBytes);
  return context.unpack(source.entry === "" ? "(unpacked)" : source.entry, packedBytes, decode(folder, packed));
}

function decode(
  { coders, packedStreams, unpackedBytes }: Folder,
  packed: Source,
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  const [coder] = coders;
  if (coders.length !== 1 || packedStreams !== 1 || !coder) {
    throw new ScanError("UNSUPPORTED", `7z: packed by ${coders.map(({ id }) => id).join(" and ")}`);
  }
  switch (coder.id) {
    case "00":
      return [packed.read(0, packed.size)];
    case "21":
      return unlzma2(packed, coder.properties[0] ?? 0, unpackedBytes);
    case "030101":
      return unlzmaRaw(packed, 0, coder.properties, unpackedBytes);
    case "040108":
      return inflate(packed, "raw");
    case "040202":
      return bunzip2(packed);
    case "04f71101":
      return unzstd(packed);
    default:
      throw new ScanError("UNSUPPORTED", `7z: packed by ${coder.id}`);
  }
}
