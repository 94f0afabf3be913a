/**
 * Bytes under scan, read by position, so that a file of 20 GB needs no more memory than what is looked at. Synchronous:
 * scans run in a process of their own.
 */
export interface Source {
  /** Where it lies within the scanned file: "" for the file itself, "archive/data.pkl", "a.zip!b.pkl". */
  readonly entry: string;
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset`, fewer at the end. A view that the caller must not change, good until the next read. */
  read(offset: number, length: number): Uint8Array;
}

/** A part of a source as a source of its own, without a copy. Clipped to the source's end. */
export function slice(source: Source, entry: string, offset: number, size: number): Source {
  const start = Math.min(Math.max(0, offset), source.size);
  const length = Math.max(0, Math.min(size, source.size - start));
  return {
    entry,
    size: length,
    read: (from, count) => source.read(start + from, Math.max(0, Math.min(count, length - from))),
  };
}

/** The parts of a source in order, each of `chunkBytes` at most. */
export function* chunks(source: Source, chunkBytes = 2 ** 20): Generator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += chunkBytes) yield source.read(offset, chunkBytes);
}
