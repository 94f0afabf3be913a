import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ScanError } from "../errors.ts";
import type { Source } from "./source.ts";

const BUFFERED_BYTES = 16 * 1024;

/** An open file. Small reads go through a buffer. Throws UNREADABLE. */
export function openFile(path: string, entry = ""): Source & { close(): void } {
  const file = attempt(path, () => openSync(path, "r"));
  const { size } = attempt(path, () => fstatSync(file));
  const buffer = new Uint8Array(BUFFERED_BYTES);
  let start = 0;
  let filled = 0;
  return {
    entry,
    size,
    read(offset, wanted) {
      const length = Math.max(0, Math.min(wanted, size - offset));
      if (length > BUFFERED_BYTES) return fill(path, file, new Uint8Array(length), offset);
      if (offset < start || offset + length > start + filled) {
        filled = fill(path, file, buffer, offset).length;
        start = offset;
      }
      return buffer.subarray(offset - start, Math.min(offset - start + length, filled));
    },
    close: () => closeSync(file),
  };
}

function fill(path: string, file: number, target: Uint8Array, offset: number): Uint8Array {
  let done = 0;
  while (done < target.length) {
    const count = attempt(path, () => readSync(file, target, done, target.length - done, offset + done));
    if (count === 0) break; // the file was cut off while it was read
    done += count;
  }
  return target.subarray(0, done);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ScanError("UNREADABLE", `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
