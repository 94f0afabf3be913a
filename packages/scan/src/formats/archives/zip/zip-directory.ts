import { ScanError } from "../../../errors.ts";
import type { ScanContext } from "../../../format.ts";
import { uint64, viewOf } from "../../../sources/little-endian.ts";
import type { Source } from "../../../sources/source.ts";
import { type DirectoryEntry, nameFrom, withZip64 } from "./zip-entry.ts";

const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const ENTRY = 0x02014b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 65535;

/** Where the directory of a zip is, and what lies around it. */
export interface ZipEnd {
  /** Of the end record. */
  readonly offset: number;
  /** Of the first byte behind the end record and its comment. */
  readonly end: number;
  readonly count: number;
  readonly directoryOffset: number;
  readonly directoryBytes: number;
  /** Bytes before the archive, by which all offsets in it are too small. */
  readonly prefixBytes: number;
  readonly comment: string;
}

/** The last end record of a source that fits it; undefined if there is none. */
export function findEnd(source: Source): ZipEnd | undefined {
  const start = Math.max(0, source.size - END_BYTES - LONGEST_COMMENT);
  const tail = new Uint8Array(source.read(start, source.size - start));
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail[at + 1] !== 0x4b || tail[at + 2] !== 5 || tail[at + 3] !== 6) continue;
    const found = endAt(source, start + at);
    if (found) return found;
  }
  return undefined;
}

function endAt(source: Source, offset: number): ZipEnd | undefined {
  const view = viewOf(source, offset, END_BYTES);
  if (view.getUint32(0, true) !== END) return undefined;
  let count = view.getUint16(10, true);
  let directoryBytes = view.getUint32(12, true);
  let directoryOffset = view.getUint32(16, true);
  const commentBytes = view.getUint16(20, true);
  let directoryEnd = offset;
  const wide = end64Before(source, offset);
  if (wide) {
    if (count === 0xffff) count = wide.count;
    if (directoryBytes === 0xffffffff) directoryBytes = wide.directoryBytes;
    if (directoryOffset === 0xffffffff) directoryOffset = wide.directoryOffset;
    directoryEnd = wide.offset;
  }
  const prefixBytes = directoryEnd - directoryBytes - directoryOffset;
  if (prefixBytes < 0 || directoryBytes > directoryEnd) return undefined;
  const end = Math.min(offset + END_BYTES + commentBytes, source.size);
  const comment = nameFrom(new Uint8Array(source.read(offset + END_BYTES, end - offset - END_BYTES)));
  return { offset, end, count, directoryOffset, directoryBytes, prefixBytes, comment };
}

function end64Before(source: Source, offset: number) {
  if (offset < 20) return undefined;
  const locator = viewOf(source, offset - 20, 20);
  if (locator.getUint32(0, true) !== END64_LOCATOR) return undefined;
  for (const at of [uint64(locator, 8), offset - 20 - 56]) {
    if (at < 0 || at + 56 > source.size) continue;
    const view = viewOf(source, at, 56);
    if (view.getUint32(0, true) !== END64) continue;
    return { offset: at, count: uint64(view, 32), directoryBytes: uint64(view, 40), directoryOffset: uint64(view, 48) };
  }
  return undefined;
}

/** All entries of the directory, in its order. Throws MALFORMED where an entry is not one, or too few are there. */
export function readDirectory(source: Source, end: ZipEnd, context: ScanContext): readonly DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  let at = end.directoryOffset + end.prefixBytes;
  const stop = at + end.directoryBytes;
  while (at < stop) {
    context.countEntry();
    const view = viewOf(source, at, 46);
    if (view.getUint32(0, true) !== ENTRY)
      throw new ScanError("MALFORMED", `byte ${at}: expected an entry of the directory`);
    const nameBytes = view.getUint16(28, true);
    const extraBytes = view.getUint16(30, true);
    const commentBytes = view.getUint16(32, true);
    const fixed = {
      flags: view.getUint16(8, true),
      method: view.getUint16(10, true),
      crc: view.getUint32(16, true),
      unixMode: view.getUint8(5) === 3 ? view.getUint32(38, true) >>> 16 : 0,
    };
    const sizes = {
      packedBytes: view.getUint32(20, true),
      bytes: view.getUint32(24, true),
      headerOffset: view.getUint32(42, true),
    };
    const variable = source.read(at + 46, nameBytes + extraBytes);
    if (variable.length < nameBytes + extraBytes)
      throw new ScanError("MALFORMED", `byte ${at}: the directory ends within an entry`);
    const name = nameFrom(variable.subarray(0, nameBytes));
    const wide = withZip64(variable.slice(nameBytes), sizes);
    entries.push({ name, ...fixed, ...wide, headerOffset: wide.headerOffset + end.prefixBytes });
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}
