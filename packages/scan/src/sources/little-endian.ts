import { ScanError } from "../errors.ts";
import type { Source } from "./source.ts";

/** Little-endian numbers of a source by position. Each throws MALFORMED beyond its end. */
export function viewOf(source: Source, offset: number, length: number): DataView {
  const bytes = source.read(offset, length);
  if (bytes.length < length) {
    throw new ScanError("MALFORMED", `byte ${offset}: expected ${length} bytes, got ${bytes.length}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** An unsigned 64-bit number; more than 2^53 becomes Infinity, which no file reaches. */
export function uint64(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}
