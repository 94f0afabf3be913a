import { EvidenceError } from "../errors.ts";
import { emptyRoot, leafHash, nodeHash } from "./merkle.ts";
import { hashesFrom, type ReadPath, subtree } from "./tile-reader.ts";
import { bundleOf, parseBundle, TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

/** What is not full yet: the entries of the last bundle, and the hashes of the last tile of each level. */
export interface Edge {
  readonly size: number;
  readonly entries: readonly Uint8Array[];
  readonly levels: readonly (readonly Buffer[])[];
}

/** The files that change when entries are added, and the paths of those that are full now. */
export interface Growth {
  readonly edge: Edge;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly full: readonly string[];
}

/** The same tree with more entries. */
export function grow({ size, ...edge }: Edge, added: readonly Uint8Array[]): Growth {
  const files = new Map<string, Buffer>();
  const full: string[] = [];
  const put = (level: number | "entries", index: number, width: number, bytes: Buffer): void => {
    files.set(tilePath(level, index, width), bytes);
    if (width === TILE_WIDTH) full.push(tilePath(level, index));
  };
  const bundles = tilesOf([...edge.entries, ...added]);
  bundles.forEach((bundle, each) => {
    put("entries", Math.floor(size / TILE_WIDTH) + each, bundle.length, bundleOf(bundle));
  });

  const levels: (readonly Buffer[])[] = [];
  let hashes: readonly Buffer[] = added.map(leafHash);
  for (let level = 0; hashes.length > 0 || level < edge.levels.length; level++) {
    const before = edge.levels[level] ?? [];
    const tiles = tilesOf([...before, ...hashes]);
    const first = Math.floor(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH);
    const above: Buffer[] = [];
    tiles.forEach((tile, each) => {
      const bytes = Buffer.concat(tile);
      if (hashes.length > 0) put(level, first + each, tile.length, bytes);
      if (tile.length === TILE_WIDTH) above.push(subtree(bytes));
    });
    levels.push(unfilled(tiles));
    hashes = above;
  }
  return { edge: { size: size + added.length, entries: unfilled(bundles), levels }, files, full };
}

/** The root of the whole tree: every full subtree that it is made of lies in the last tile of its level. */
export function rootOfEdge({ levels }: Edge): Buffer {
  let root: Buffer | undefined;
  for (const row of levels) {
    let end = row.length;
    for (let span = 1; span <= row.length; span *= 2) {
      if ((row.length & span) === 0) continue;
      const part = subtree(Buffer.concat(row.slice(end - span, end)));
      root = root === undefined ? part : nodeHash(part, root);
      end -= span;
    }
  }
  return root ?? emptyRoot;
}

/** Reads the edge of a tree from its tiles. Throws LOG_DAMAGED, MALFORMED. */
export async function readEdge(read: ReadPath, size: number): Promise<Edge> {
  const entries = size % TILE_WIDTH === 0 ? [] : await readBundle(read, Math.floor(size / TILE_WIDTH), size);
  const hashAt = hashesFrom(read, size);
  const levels: (readonly Buffer[])[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const hashes = Math.floor(size / TILE_WIDTH ** level);
    const row: Buffer[] = [];
    for (let index = hashes - (hashes % TILE_WIDTH); index < hashes; index++)
      row.push(Buffer.from(await hashAt(level * 8, index)));
    levels.push(row);
  }
  return { size, entries, levels };
}

/** The partial tiles and the partial bundle that hold an edge. */
export function filesOfEdge({ size, entries, levels }: Edge): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  if (entries.length > 0)
    files.set(tilePath("entries", Math.floor(size / TILE_WIDTH), entries.length), bundleOf(entries));
  for (const [level, row] of levels.entries())
    if (row.length > 0)
      files.set(tilePath(level, Math.floor(size / TILE_WIDTH ** (level + 1)), row.length), Buffer.concat(row));
  return files;
}

/** The entries of a bundle in a tree of `size`. Throws LOG_DAMAGED, MALFORMED. */
export async function readBundle(read: ReadPath, index: number, size: number): Promise<readonly Buffer[]> {
  const width = tileWidth(0, index, size);
  const path = tilePath("entries", index, width);
  const partial = await read(path);
  if (partial !== undefined) return parseBundle(partial, width, path);
  const full = await read(tilePath("entries", index)); // which has taken the partial one's place
  if (full === undefined) throw new EvidenceError("LOG_DAMAGED", `${path} is missing`);
  return parseBundle(full, TILE_WIDTH, tilePath("entries", index)).slice(0, width);
}

function tilesOf<T>(row: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(row.length / TILE_WIDTH) }, (_, tile) =>
    row.slice(tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH),
  );
}

function unfilled<T>(tiles: readonly (readonly T[])[]): readonly T[] {
  const last = tiles.at(-1) ?? [];
  return last.length === TILE_WIDTH ? [] : last;
}
