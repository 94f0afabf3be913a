import type { ScanContext } from "../../../format.ts";
import { viewOf } from "../../../sources/little-endian.ts";
import type { Source } from "../../../sources/source.ts";
import { FLAGS, type LocalEntry, nameFrom, withZip64 } from "./zip-entry.ts";

const LOCAL = 0x04034b50;
const HEADER_BYTES = 30;

/** The header at an offset; undefined if there is none. */
export function localEntryAt(source: Source, offset: number): LocalEntry | undefined {
  if (offset + HEADER_BYTES > source.size) return undefined;
  const view = viewOf(source, offset, HEADER_BYTES);
  if (view.getUint32(0, true) !== LOCAL) return undefined;
  const flags = view.getUint16(6, true);
  const method = view.getUint16(8, true);
  const crc = view.getUint32(14, true);
  const sizes = { packedBytes: view.getUint32(18, true), bytes: view.getUint32(22, true), headerOffset: offset };
  const nameBytes = view.getUint16(26, true);
  const extraBytes = view.getUint16(28, true);
  const variable = source.read(offset + HEADER_BYTES, nameBytes + extraBytes);
  const { packedBytes, bytes } = withZip64(variable.slice(nameBytes), sizes);
  return {
    name: nameFrom(variable.subarray(0, nameBytes)),
    flags,
    method,
    crc,
    packedBytes,
    bytes,
    headerOffset: offset,
    dataOffset: offset + HEADER_BYTES + nameBytes + extraBytes,
    isStreamed: (flags & FLAGS.streamed) !== 0,
  };
}

/** A stretch of an archive that no entry covers. */
export interface Gap {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The archive as a reader sees it that goes from its beginning and never looks at the directory: every header with the data behind
 * it, and the gaps between. Where a header leaves its size to what follows the data, `sizeAt` is asked, by the header's offset.
 */
export function walkLocalEntries(
  source: Source,
  end: number,
  sizeAt: (headerOffset: number) => number | undefined,
  context: ScanContext,
): { readonly entries: readonly LocalEntry[]; readonly gaps: readonly Gap[] } {
  const entries: LocalEntry[] = [];
  const gaps: Gap[] = [];
  let at = 0;
  while (at < end) {
    const entry = localEntryAt(source, at);
    if (entry) {
      context.countEntry();
      entries.push(entry);
      const said = entry.isStreamed && entry.packedBytes === 0 ? sizeAt(at) : entry.packedBytes;
      const dataEnd = said === undefined ? nextSignature(source, entry.dataOffset, end) : entry.dataOffset + said;
      at = Math.max(at + HEADER_BYTES, Math.min(dataEnd, end));
      if (entry.isStreamed) at += descriptorBytes(source, at);
    } else {
      const next = nextSignature(source, at + 1, end); // at `at` itself there may be one that is cut off
      gaps.push({ offset: at, bytes: next - at });
      at = next;
    }
  }
  return { entries, gaps };
}

/** Length of a data descriptor (APPNOTE 4.3.9), with its optional signature and in either width. */
function descriptorBytes(source: Source, at: number): number {
  const bytes = source.read(at, 28);
  const isNext = (offset: number) =>
    offset === bytes.length || (bytes[offset] === 0x50 && bytes[offset + 1] === 0x4b && (bytes[offset + 2] ?? 0) <= 7);
  const hasSignature = bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 7 && bytes[3] === 8;
  const lengths = hasSignature ? [16, 24] : [12, 20];
  return lengths.find((length) => length <= bytes.length && isNext(length)) ?? 0;
}

/** Where the next header stands, from an offset on; the end if there is none. */
function nextSignature(source: Source, from: number, end: number): number {
  const window = 2 ** 20;
  for (let at = from; at < end; at += window - 3) {
    const bytes = source.read(at, Math.min(window, end - at));
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("PK\u0003\u0004", 0, "latin1");
    if (found >= 0) return at + found;
    if (at + window >= end) break;
  }
  return end;
}
