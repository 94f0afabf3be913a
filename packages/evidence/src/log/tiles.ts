import { EvidenceError } from "../errors.ts";

/** Hashes in a full tile, entries in a full bundle (https://c2sp.org/tlog-tiles). */
export const TILE_WIDTH = 256;

/** Bytes of an entry at most: its length stands in 16 bits. */
export const MAXIMUM_ENTRY = 65_535;

/** `tile/0/x001/x234/067`, with `.p/5` for one of five hashes. */
export function tilePath(level: number | "entries", index: number, width = TILE_WIDTH): string {
  const groups: string[] = [];
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`${groups.length === 0 ? "" : "x"}${String(rest % 1000).padStart(3, "0")}`);
  return `tile/${level}/${groups.join("/")}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** How many hashes the tile has at this place in a tree of `size` entries; 0 where there is none. */
export function tileWidth(level: number, index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** Entries one after the other, each behind its length. */
export function bundleOf(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

/** The entries of a bundle. Throws MALFORMED unless there are exactly `width`. */
export function parseBundle(bytes: Buffer, width: number, where = "entry bundle"): readonly Buffer[] {
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 2 <= bytes.length ? at + 2 + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length)
      throw new EvidenceError("MALFORMED", `${where}: entry ${entries.length} is cut off at byte ${bytes.length}`);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (entries.length !== width)
    throw new EvidenceError("MALFORMED", `${where}: expected ${width} entries, got ${entries.length}`);
  return entries;
}
