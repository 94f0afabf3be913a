import { ScanError } from "../../../errors.ts";
import type { HeaderReader } from "./header-reader.ts";

/** One step of unpacking. */
export interface Coder {
  /** As hexadecimal digits: "030101" is LZMA. */
  readonly id: string;
  readonly properties: Uint8Array;
}

/** A run of coders that turns one packed stream into one unpacked stream, which holds files one after the other. */
export interface Folder {
  readonly coders: readonly Coder[];
  readonly packedStreams: number;
  readonly unpackedBytes: number;
  /** Of the files in it. */
  readonly fileBytes: readonly number[];
}

export interface Streams {
  readonly packOffset: number;
  readonly packedBytes: readonly number[];
  readonly folders: readonly Folder[];
}

const ID = {
  end: 0,
  packInfo: 6,
  unpackInfo: 7,
  subStreams: 8,
  size: 9,
  crc: 10,
  folder: 11,
  unpackSize: 12,
  streamCount: 13,
};

/** What is packed where, and how (StreamsInfo). Throws MALFORMED and UNSUPPORTED. */
export function readStreams(reader: HeaderReader): Streams {
  let packOffset = 0;
  let packedBytes: number[] = [];
  let folders: Folder[] = [];
  for (;;) {
    const id = reader.number();
    if (id === ID.end) return { packOffset, packedBytes, folders };
    if (id === ID.packInfo) ({ packOffset, packedBytes } = readPacked(reader));
    else if (id === ID.unpackInfo) folders = readFolders(reader);
    else if (id === ID.subStreams) folders = readSubStreams(reader, folders);
    else throw new ScanError("MALFORMED", `7z: a property ${id} among the streams`);
  }
}

function readPacked(reader: HeaderReader) {
  const packOffset = reader.number();
  const count = reader.count();
  let packedBytes: number[] = [];
  for (;;) {
    const id = reader.number();
    if (id === ID.end) return { packOffset, packedBytes };
    if (id === ID.size) packedBytes = Array.from({ length: count }, () => reader.number());
    else if (id === ID.crc) skipSums(reader, count);
    else throw new ScanError("MALFORMED", `7z: a property ${id} of packed streams`);
  }
}

function skipSums(reader: HeaderReader, count: number): void {
  reader.take(4 * reader.optionalBits(count).filter(Boolean).length);
}

function readFolders(reader: HeaderReader): Folder[] {
  if (reader.number() !== ID.folder) throw new ScanError("MALFORMED", "7z: expected folders");
  const count = reader.count();
  if (reader.byte() !== 0) throw new ScanError("UNSUPPORTED", "7z: folders described elsewhere");
  const shapes = Array.from({ length: count }, () => readCoders(reader));
  if (reader.number() !== ID.unpackSize) throw new ScanError("MALFORMED", "7z: expected unpacked sizes");
  const folders = shapes.map(({ coders, outputs, packedStreams }) => {
    const sizes = Array.from({ length: outputs }, () => reader.number());
    const unpackedBytes = sizes.at(-1) ?? 0;
    return { coders, packedStreams, unpackedBytes, fileBytes: [unpackedBytes] };
  });
  for (;;) {
    const id = reader.number();
    if (id === ID.end) return folders;
    if (id !== ID.crc) throw new ScanError("MALFORMED", `7z: a property ${id} of folders`);
    skipSums(reader, count);
  }
}

function readCoders(reader: HeaderReader) {
  const count = reader.count();
  if (count === 0 || count > 32) throw new ScanError("MALFORMED", `7z: ${count} coders`);
  let inputs = 0;
  let outputs = 0;
  const coders = Array.from({ length: count }, (): Coder => {
    const flags = reader.byte();
    const id = reader.take(flags & 15).toString("hex");
    const isComplex = (flags & 0x10) !== 0;
    inputs += isComplex ? reader.count() : 1;
    outputs += isComplex ? reader.count() : 1;
    const properties = flags & 0x20 ? new Uint8Array(reader.take(reader.count())) : new Uint8Array(0);
    return { id, properties };
  });
  for (let each = 0; each < 2 * (outputs - 1); each++) reader.number();
  const packedStreams = inputs - (outputs - 1);
  if (packedStreams > 1) for (let each = 0; each < packedStreams; each++) reader.number();
  return { coders, outputs, packedStreams };
}

function readSubStreams(reader: HeaderReader, folders: readonly Folder[]): Folder[] {
  let counts = folders.map(() => 1);
  let id = reader.number();
  if (id === ID.streamCount) {
    counts = folders.map(() => reader.count());
    id = reader.number();
  }
  const result = folders.map((folder, index): Folder => {
    const count = counts[index]!;
    if (count === 0) return { ...folder, fileBytes: [] };
    const sizes = id === ID.size ? Array.from({ length: count - 1 }, () => reader.number()) : [];
    const rest = folder.unpackedBytes - sizes.reduce((sum, size) => sum + size, 0);
    if (rest < 0 || sizes.length !== count - 1) throw new ScanError("MALFORMED", "7z: files larger than their stream");
    return { ...folder, fileBytes: [...sizes, rest] };
  });
  if (id === ID.size) id = reader.number();
  const total = counts.reduce((sum, count) => sum + count, 0);
  while (id !== ID.end) {
    if (id !== ID.crc) throw new ScanError("MALFORMED", `7z: a property ${id} of files in a stream`);
    const known = reader.byte() !== 0;
    // a folder with one file may have had its sum already: both counts are tried by what follows
    if (!known) throw new ScanError("UNSUPPORTED", "7z: sums of some files only");
    reader.take(4 * total);
    id = reader.number();
  }
  return result;
}
