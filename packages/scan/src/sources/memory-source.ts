import type { Source } from "./source.ts";

/** Bytes that are in memory already. */
export function memorySource(entry: string, bytes: Uint8Array): Source {
  return {
    entry,
    size: bytes.length,
    read: (offset, length) => bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length)),
  };
}
