import { join } from "node:path";
import { EvidenceError } from "../errors.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import type { Cosignature } from "./cosignature.ts";
import { readBundle } from "./edge.ts";
import { readerOf, readIfThere } from "./log-files.ts";
import { type LogPolicy, verifyWitnessed } from "./log-policy.ts";
import { emptyRoot, leafHash, nodeHash } from "./merkle.ts";
import { parseNote } from "./note.ts";
import type { ReadPath } from "./tile-reader.ts";
import { TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

/** What was found to be true of a log's folder. */
export interface VerifiedLog {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
  /** Size of the earlier checkpoint that the log continues. */
  readonly since?: number;
}

export interface VerifyLogOptions {
  /** A signed checkpoint from earlier: the log must begin with that tree. */
  readonly since?: string;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of entries that are verified. */
  readonly onProgress?: (verified: number, size: number) => void;
}

/**
 * Verifies a log from its files alone: the checkpoint's signatures, and every tile from the entries. Throws LOG_DAMAGED with the first entry
 * or tile that is not right, INVALID_PROOF where an earlier checkpoint is not kept, and what `verifyWitnessed` throws.
 */
export async function verifyLog(
  folder: string,
  policy: LogPolicy,
  { since, signal, onProgress }: VerifyLogOptions = {},
): Promise<VerifiedLog> {
  const note = await readIfThere(join(folder, "checkpoint"), 2 ** 20);
  if (note === undefined) throw new EvidenceError("NOT_READABLE", `${folder} has no checkpoint: it is not a log`);
  const { checkpoint, cosignatures } = verifyWitnessed(note.toString("utf8"), policy);
  const { size, root } = checkpoint;
  const earlier = since === undefined ? undefined : earlierOf(since, checkpoint, policy);
  const tree = growingTree(readerOf(folder), size);
  const assertEarlier = (): void => {
    if (earlier !== undefined && tree.size() === earlier.size && !tree.root().equals(earlier.root))
      throw new EvidenceError(
        "INVALID_PROOF",
        `the log's first ${earlier.size} entries are not the ones of the earlier checkpoint`,
      );
  };
  assertEarlier();
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    signal?.throwIfAborted();
    for (const entry of await readBundle(readerOf(folder), index, size)) {
      await tree.add(entry);
      assertEarlier();
    }
    onProgress?.(tree.size(), size);
  }
  await tree.end();
  if (!tree.root().equals(root))
    throw new EvidenceError("LOG_DAMAGED", `the ${size} entries do not give the root of the checkpoint`);
  return { checkpoint, cosignatures, ...(earlier !== undefined && { since: earlier.size }) };
}

function earlierOf(since: string, { origin, size }: Checkpoint, policy: LogPolicy): Checkpoint {
  const { checkpoint } = verifyWitnessed(since, { ...policy, quorum: undefined });
  if (checkpoint.origin !== origin)
    throw new EvidenceError("INVALID_PROOF", `the earlier checkpoint is one of ${checkpoint.origin}, not of ${origin}`);
  if (checkpoint.size > size)
    throw new EvidenceError(
      "INVALID_PROOF",
      `the log has ${size} entries, and had ${checkpoint.size} by the earlier checkpoint: it was cut`,
    );
  return checkpoint;
}

/** A tree that takes one entry after the other and holds each hash against the tile that has it. */
function growingTree(read: ReadPath, size: number) {
  const subtrees: Buffer[] = []; // full ones, from the largest
  const rows: Buffer[][] = []; // hashes of the tile that is not complete, for each level
  const tiles: number[] = []; // how many tiles of each level are complete
  let count = 0;

  async function complete(level: number): Promise<void> {
    const [row, index] = [rows[level]!, tiles[level] ?? 0];
    const width = tileWidth(level, index, size);
    const path = tilePath(level, index, width);
    const partial = await read(path);
    const bytes = partial ?? (await read(tilePath(level, index))); // the full one that has taken its place
    if (bytes === undefined) throw new EvidenceError("LOG_DAMAGED", `${path} is missing`);
    const expected = 32 * (partial === undefined ? TILE_WIDTH : width);
    if (bytes.length !== expected)
      throw new EvidenceError("LOG_DAMAGED", `${path}: expected ${expected} bytes, got ${bytes.length}`);
    const wrong = row.findIndex((hash, each) => !hash.equals(bytes.subarray(each * 32, (each + 1) * 32)));
    if (wrong >= 0) {
      const first = (index * TILE_WIDTH + wrong) * TILE_WIDTH ** level;
      const what = level === 0 ? `entry ${first}` : `entries ${first} to ${first + TILE_WIDTH ** level - 1}`;
      throw new EvidenceError("LOG_DAMAGED", `${what}: ${path} has another hash at ${wrong}`);
    }
    rows[level] = [];
    tiles[level] = index + 1;
  }

  return {
    size: () => count,
    root: (): Buffer => {
      const last = subtrees.at(-1);
      return last === undefined
        ? emptyRoot
        : subtrees.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
    },
    async add(entry: Uint8Array): Promise<void> {
      let hash = leafHash(entry);
      for (let level = 0, before = count; ; level++, before = Math.floor(before / 2)) {
        if (level % 8 === 0) {
          const row = rows[level / 8] ?? [];
          rows[level / 8] = row;
          row.push(hash);
          if (row.length === TILE_WIDTH) await complete(level / 8);
        }
        if (before % 2 === 0) break;
        hash = nodeHash(subtrees.pop()!, hash);
      }
      subtrees.push(hash);
      count++;
    },
    async end(): Promise<void> {
      for (const [level, row] of rows.entries()) if (row.length > 0) await complete(level);
    },
  };
}

/** The latest checkpoint of a log's folder as it says itself: nobody has verified it. Throws NOT_READABLE, MALFORMED. */
export async function readCheckpoint(
  folder: string,
): Promise<Checkpoint & { readonly note: string; readonly signatures: readonly string[] }> {
  const bytes = await readIfThere(join(folder, "checkpoint"), 2 ** 20);
  if (bytes === undefined) throw new EvidenceError("NOT_READABLE", `${folder} has no checkpoint: it is not a log`);
  const note = bytes.toString("utf8");
  const { text, signatures } = parseNote(note);
  return { ...parseCheckpoint(text), note, signatures: signatures.map(({ name, hash }) => `${name}+${hash}`) };
}

/** The entries [from, to) of a log's folder, as far as there are any; nobody has verified them. Throws LOG_DAMAGED, MALFORMED. */
export async function* readLogEntries(
  folder: string,
  size: number,
  from: number,
  to: number,
): AsyncGenerator<{ readonly index: number; readonly entry: Buffer }> {
  const end = Math.min(to, size);
  for (let start = from; start < end; start = (Math.floor(start / TILE_WIDTH) + 1) * TILE_WIDTH) {
    const bundle = Math.floor(start / TILE_WIDTH);
    const entries = await readBundle(readerOf(folder), bundle, size);
    for (let index = start; index < Math.min(end, (bundle + 1) * TILE_WIDTH); index++)
      yield { index, entry: entries[index % TILE_WIDTH]! };
  }
}
