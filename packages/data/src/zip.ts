import { crc32, inflateRawSync } from "node:zlib";
import { DataError } from "./data-error.ts";

/** One file in a zip archive, still packed. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked, as the archive declares. */
  readonly size: number;
  readonly unpack: () => Uint8Array;
}

/**
 * Lists a zip archive (APPNOTE 6.3.10) without unpacking anything. An entry unpacks to exactly the size that it declares, or
 * throws; encryption, zip64 and methods other than stored and deflated are refused as UNSUPPORTED_FORMAT.
 */
export function listZip(bytes: Uint8Array, where: string): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view, where);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff) throw unsupported(where, "zip64");
  const entries: ZipEntry[] = [];
  for (let i = 0; i < count; i++) {
    requireRecord(view, at, CENTRAL, 46, where);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const next = at + 46 + nameLength! + extraLength! + commentLength!;
    if (next > end) throw malformed(where, `entry ${i} reaches beyond the directory`);
    entries.push(entryAt(bytes, view, at, where));
    at = next;
  }
  return entries;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LARGEST_RATIO = 1032; // deflate cannot pack better: 258 bytes from 2 bits

function findEnd(view: DataView, where: string): number {
  const earliest = Math.max(0, view.byteLength - 22 - 0xffff); // a comment may follow
  for (let at = view.byteLength - 22; at >= earliest; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw malformed(where, "expected a zip directory at the end, got none; is the file truncated?");
}

function entryAt(bytes: Uint8Array, view: DataView, at: number, where: string): ZipEntry {
  const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + view.getUint16(at + 28, true)));
  const entry = `${where}, '${name}'`;
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const [checksum, packedSize, size, offset] = [16, 20, 24, 42].map((o) => view.getUint32(at + o, true)) as [
    number,
    number,
    number,
    number,
  ];
  const unpack = (): Uint8Array => {
    if (flags & 1) throw unsupported(entry, "an encrypted entry");
    if (method !== 0 && method !== 8) throw unsupported(entry, `compression method ${method}`);
    if ([packedSize, size, offset].includes(0xffffffff)) throw unsupported(entry, "zip64");
    requireRecord(view, offset, LOCAL, 30, entry);
    const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
    if (start + packedSize > bytes.length) throw malformed(entry, "it reaches beyond the end of the file");
    if (size > packedSize * LARGEST_RATIO) throw malformed(entry, `${packedSize} bytes cannot unpack to ${size}`);
    const content = unpacked(bytes.subarray(start, start + packedSize), method, size, entry);
    if (crc32(content) !== checksum) throw malformed(entry, "its checksum does not match");
    return content;
  };
  return { name, size, unpack };
}

function unpacked(packed: Uint8Array, method: number, size: number, entry: string): Uint8Array {
  let content = packed;
  if (method === 8) {
    try {
      content = inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
    } catch (cause) {
      throw malformed(entry, `it does not inflate to the declared ${size} bytes`, { cause });
    }
  }
  if (content.length !== size) throw malformed(entry, `expected ${size} bytes, got ${content.length}`);
  return content;
}

function requireRecord(view: DataView, at: number, signature: number, length: number, where: string): void {
  if (at + length > view.byteLength || view.getUint32(at, true) !== signature) {
    throw malformed(where, `expected a zip header at byte ${at}`);
  }
}

function malformed(where: string, what: string, options?: ErrorOptions): DataError {
  return new DataError("MALFORMED_FILE", `${where}: ${what}`, options);
}

function unsupported(where: string, what: string): DataError {
  return new DataError("UNSUPPORTED_FORMAT", `${where}: expected a stored or deflated zip entry, got ${what}`);
}
