import { ScanError } from "../../../errors.ts";
import type { Source } from "../../../sources/source.ts";

/** Something outside of a file that the file takes data from, and the byte that says so. */
export interface Reference {
  readonly kind: "link" | "array" | "virtual array";
  readonly target: string;
  readonly offset: number;
}

const WINDOW = 2 ** 20;
const OVERLAP = 2 ** 16;
const LONGEST_NAME = 4096;
const MOST_SLOTS = 10_000;
const MOST_OBJECTS = 20_000_000;
const EXTERNAL_LINK = 0x40;
const TYPE_IS_GIVEN = 0x08;
const ORDER_IS_GIVEN = 0x04;
const CHARACTERS_ARE_GIVEN = 0x10;

/**
 * References of an HDF5 file to other files (HDF5 file format specification 3.0): external links, arrays kept in other files,
 * and virtual arrays. Their records are known by themselves, wherever they lie, so that no group or index has to be followed.
 * `base` is where the file begins behind its user block.
 */
export function* referencesOf(source: Source, base: number): Generator<Reference> {
  const heaps = new Set<number>();
  const seen = { objects: 0 };
  for (const { window, from, end } of windows(source)) {
    for (const at of placesOf("HEAP", window, end)) heaps.add(from + at);
    for (const at of placesOf("GCOL", window, end)) yield* virtualArrays(source, from + at, seen);
  }
  for (const { window, from, end } of windows(source)) {
    for (let at = 0; at < end; at++) {
      if (window[at] !== 1) continue;
      const target = linkTarget(window, at) ?? arrayTarget(source, window, at, heaps, base);
      if (target !== undefined) yield { ...target, offset: from + at };
    }
  }
}

interface Window {
  readonly window: Buffer;
  readonly from: number;
  /** Records that begin before it lie whole in the window, unless the source ends. */
  readonly end: number;
}

function* windows(source: Source): Generator<Window> {
  for (let from = 0; from < source.size; from += WINDOW) {
    const window = Buffer.from(source.read(from, WINDOW + OVERLAP)); // a copy: other reads follow
    yield { window, from, end: Math.min(WINDOW, window.length) };
  }
}

function* placesOf(signature: string, window: Buffer, end: number): Generator<number> {
  for (let at = window.indexOf(signature); at >= 0 && at < end; at = window.indexOf(signature, at + 1)) yield at;
}

/** The file and the object of a link message of version 1 whose type is an external link. */
function linkTarget(window: Buffer, at: number): Pick<Reference, "kind" | "target"> | undefined {
  const flags = window[at + 1] ?? 0;
  if (window[at + 2] !== EXTERNAL_LINK || !(flags & TYPE_IS_GIVEN) || flags > 0x1f) return undefined;
  let next = at + 3 + (flags & ORDER_IS_GIVEN ? 8 : 0) + (flags & CHARACTERS_ARE_GIVEN ? 1 : 0);
  const widthOfLength = 1 << (flags & 3);
  if (next + widthOfLength > window.length) return undefined;
  const nameBytes = window.readUIntLE(next, Math.min(widthOfLength, 6));
  next += widthOfLength + nameBytes;
  if (nameBytes === 0 || nameBytes > LONGEST_NAME || next + 3 > window.length) return undefined;
  const bytes = window.readUInt16LE(next);
  const file = textAt(window, next + 3);
  if (window[next + 2] !== 0 || file === undefined) return undefined;
  const object = textAt(window, next + 3 + Buffer.byteLength(file) + 1);
  if (object === undefined || bytes !== Buffer.byteLength(file) + Buffer.byteLength(object) + 3) return undefined;
  return { kind: "link", target: `${file}: ${object}` };
}

/** The first file of a message of external data files, whose names stand in a local heap. */
function arrayTarget(
  source: Source,
  window: Buffer,
  at: number,
  heaps: ReadonlySet<number>,
  base: number,
): Pick<Reference, "kind" | "target"> | undefined {
  if (at + 24 > window.length || window.readUIntLE(at + 1, 3) !== 0) return undefined;
  const slots = window.readUInt16LE(at + 4);
  const used = window.readUInt16LE(at + 6);
  if (used === 0 || used > slots || slots > MOST_SLOTS) return undefined;
  const heap = base + Number(window.readBigUInt64LE(at + 8));
  if (!heaps.has(heap)) return undefined;
  const header = Buffer.from(source.read(heap, 32));
  if (header.length < 32) return undefined;
  const nameOffset = Number(window.readBigUInt64LE(at + 16));
  const names = base + Number(header.readBigUInt64LE(24));
  if (!Number.isSafeInteger(names + nameOffset) || names + nameOffset >= source.size) return undefined;
  const name = textAt(Buffer.from(source.read(names + nameOffset, LONGEST_NAME)), 0);
  return { kind: "array", target: name ?? "a file whose name cannot be read" };
}

/** Of the objects of a global heap collection, those that map a virtual array to other files; "." is the file itself. */
function* virtualArrays(source: Source, at: number, seen: { objects: number }): Generator<Reference> {
  const header = Buffer.from(source.read(at, 16));
  if (header.length < 16 || header[4] !== 1) return;
  const end = Math.min(at + Number(header.readBigUInt64LE(8)), source.size);
  for (let next = at + 16; next + 16 <= end; ) {
    if (++seen.objects > MOST_OBJECTS)
      throw new ScanError("LIMIT_EXCEEDED", `more than ${MOST_OBJECTS} objects in global heaps`);
    const object = Buffer.from(source.read(next, 26));
    const bytes = Number(object.readBigUInt64LE(8));
    if (object.readUInt16LE(0) === 0 || bytes === 0) return; // the free space
    const target = object.length === 26 && object[16]! <= 1 ? virtualTarget(source, object, next) : undefined;
    if (target !== undefined) yield { kind: "virtual array", target, offset: next };
    next += 16 + Math.ceil(bytes / 8) * 8;
  }
}

/** The first file and array of a mapping: a version, how many there are, their names. */
function virtualTarget(source: Source, object: Buffer, at: number): string | undefined {
  const count = Number(object.readBigUInt64LE(17));
  if (count === 0 || count >= 2 ** 32) return undefined;
  const names = Buffer.from(source.read(at + 25, 2 * LONGEST_NAME));
  const file = textAt(names, 0);
  if (file === undefined || file === ".") return undefined;
  const dataset = textAt(names, Buffer.byteLength(file) + 1);
  return dataset === undefined ? undefined : `${file}: ${dataset}`;
}

/** Printable text up to its zero byte; undefined if it is none. */
function textAt(window: Buffer, at: number): string | undefined {
  const end = window.indexOf(0, at);
  if (end <= at || end - at > LONGEST_NAME) return undefined;
  const text = window.toString("utf8", at, end);
  return /[\p{Cc}\ufffd]/u.test(text) ? undefined : text;
}
