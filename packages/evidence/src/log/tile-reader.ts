import { EvidenceError } from "../errors.ts";
import { type HashAt, nodeHash } from "./merkle.ts";
import { TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

/** Gives the file at a path of the log, or undefined where there is none. */
export type ReadPath = (path: string) => Promise<Buffer | undefined>;

/** Hashes of full subtrees, from the tiles of a tree of `size` entries. Throws LOG_DAMAGED where one is missing or has another width. */
export function hashesFrom(read: ReadPath, size: number): HashAt {
  const tiles = new Map<string, Promise<Buffer>>();
  const tile = (level: number, index: number): Promise<Buffer> => {
    const path = tilePath(level, index, tileWidth(level, index, size));
    let promise = tiles.get(path);
    if (promise === undefined) {
      promise = readTile(read, level, index, size);
      tiles.set(path, promise);
    }
    return promise;
  };
  return async (level, index) => {
    const tileLevel = Math.floor(level / 8);
    const span = 2 ** (level % 8);
    const first = index * span;
    const hashes = await tile(tileLevel, Math.floor(first / TILE_WIDTH));
    const start = (first % TILE_WIDTH) * 32;
    return subtree(hashes.subarray(start, start + span * 32));
  };
}

/** The bytes of a tile in a tree of `size` entries, also where the full one has taken its place. Throws LOG_DAMAGED. */
export async function readTile(read: ReadPath, level: number, index: number, size: number): Promise<Buffer> {
  const width = tileWidth(level, index, size);
  const path = tilePath(level, index, width);
  const bytes = (await read(path)) ?? (await read(tilePath(level, index)));
  if (bytes === undefined) throw new EvidenceError("LOG_DAMAGED", `${path} is missing`);
  if (bytes.length !== width * 32 && bytes.length !== TILE_WIDTH * 32)
    throw new EvidenceError("LOG_DAMAGED", `${path}: expected ${width} hashes of 32 bytes, got ${bytes.length} bytes`);
  return bytes.subarray(0, width * 32);
}

/** The root over 1, 2, 4 … 256 hashes of 32 bytes. */
export function subtree(hashes: Buffer): Buffer {
  if (hashes.length === 32) return hashes;
  const middle = hashes.length / 2;
  return nodeHash(subtree(hashes.subarray(0, middle)), subtree(hashes.subarray(middle)));
}
