import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";
import { parseCheckpoint, signCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import { lockFolder } from "./lock.ts";
import { consistencyProof, inclusionProof, leafHash, rootOf } from "./merkle.ts";
import { noteKeyOf, parseNote } from "./note.ts";
import { formatProof } from "./proof.ts";
import { hashesFrom, subtree } from "./tile-reader.ts";
import { bundleOf, MAXIMUM_ENTRY, parseBundle, TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

/** An append-only log in a folder, laid out as C2SP tiles: any file server can publish it. */
export interface TransparencyLog {
  readonly origin: string;
  /** What verifies its checkpoints. */
  readonly vkey: string;
  readonly size: number;
  /** The latest signed checkpoint. */
  readonly checkpoint: string;
  /** Adds entries of at most 65,535 bytes; returns the index of the first. When it resolves, they are on the disk under a signed checkpoint. */
  append(entries: readonly Uint8Array[]): Promise<number>;
  entry(index: number): Promise<Buffer>;
  /** A C2SP proof that an entry is in the log as of the latest checkpoint. */
  proof(index: number): Promise<string>;
  consistency(from: number, to?: number): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}

export interface LogOptions {
  /** The log's name: a URL without scheme, by custom. */
  readonly origin: string;
  /** Ed25519. */
  readonly signer: Signer;
}

/**
 * Opens or makes a log; one process at a time. The checkpoint is written last, so that after a crash the log is what the last
 * checkpoint says, and files beyond it are written anew. Throws LOG_DAMAGED, UNTRUSTED_SIGNER, NOT_WRITABLE, IN_USE.
 */
export async function openLog(folder: string, { origin, signer }: LogOptions): Promise<TransparencyLog> {
  const { key, vkey } = noteKeyOf(origin, signer);
  await mkdir(folder, { recursive: true });
  const unlock = await lockFolder(folder);
  const read = async (path: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(join(folder, path));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw cause;
    }
  };
  try {
    const existing = await read("checkpoint");
    const from = existing === undefined ? 0 : verifyCheckpoint(existing.toString("utf8"), key).size;
    const edge = await readEdge(read, from);
    let size = from;
    let checkpoint = existing?.toString("utf8") ?? "";
    let queue: Promise<unknown> = Promise.resolve();

    const publish = async (root: Uint8Array): Promise<void> => {
      checkpoint = await signCheckpoint({ origin, size, root: Buffer.from(root) }, signer);
      await writeDurably(folder, new Map([["checkpoint", Buffer.from(checkpoint)]]));
    };
    if (existing === undefined) await publish(await rootOf(hashesFrom(read, 0), 0, 0));
    else {
      const root = Buffer.from(await rootOf(hashesFrom(read, size), 0, size));
      if (!root.equals(parseCheckpoint(parseNote(checkpoint).text).root))
        throw new EvidenceError(
          "LOG_DAMAGED",
          `the tiles in ${folder} do not give the root of its checkpoint of size ${size}`,
        );
    }

    async function append(entries: readonly Uint8Array[]): Promise<number> {
      const tooLarge = entries.findIndex(({ length }) => length > MAXIMUM_ENTRY);
      if (tooLarge >= 0)
        throw new EvidenceError(
          "INVALID_OPTION",
          `entry ${tooLarge}: expected at most ${MAXIMUM_ENTRY} bytes, got ${entries[tooLarge]!.length}`,
        );
      const first = size;
      if (entries.length === 0) return first;
      const grown = grow(edge, first, entries);
      await writeDurably(folder, grown.files);
      const total = first + entries.length;
      const root = await rootOf(
        hashesFrom(async (path) => grown.files.get(path) ?? (await read(path)), total),
        0,
        total,
      );
      size = total; // from here on a failure leaves a checkpoint behind that the next append replaces
      edge.entries = grown.edge.entries;
      edge.levels = grown.edge.levels;
      try {
        await publish(root);
      } catch (error) {
        size = first;
        Object.assign(edge, await readEdge(read, first));
        throw error;
      }
      for (const full of grown.full) await rm(join(folder, `${full}.p`), { recursive: true, force: true });
      return first;
    }

    return {
      origin,
      vkey,
      get size() {
        return size;
      },
      get checkpoint() {
        return checkpoint;
      },
      append(entries) {
        const result = queue.then(() => append(entries));
        queue = result.catch(() => undefined);
        return result;
      },
      async entry(index) {
        return await readEntry(read, index, size);
      },
      async proof(index) {
        const [of, note] = [size, checkpoint];
        return formatProof({ index, path: await inclusionProof(hashesFrom(read, of), index, of), checkpoint: note });
      },
      consistency: async (before, to = size) => await consistencyProof(hashesFrom(read, to), before, to),
      async close() {
        await queue;
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** What is not full yet: the entries of the last bundle, and the hashes of the last tile of each level. */
interface Edge {
  entries: readonly Uint8Array[];
  levels: readonly (readonly Buffer[])[];
}

/** The files that change when entries are added, and which of them are full now. */
interface Growth {
  readonly edge: Edge;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly full: readonly string[];
}

function grow(edge: Edge, size: number, added: readonly Uint8Array[]): Growth {
  const files = new Map<string, Buffer>();
  const full: string[] = [];
  const put = (level: number | "entries", index: number, width: number, bytes: Buffer): void => {
    files.set(tilePath(level, index, width), bytes);
    if (width === TILE_WIDTH) full.push(tilePath(level, index));
  };
  let entries = [...edge.entries, ...added];
  let bundle = Math.floor(size / TILE_WIDTH);
  for (; entries.length >= TILE_WIDTH; entries = entries.slice(TILE_WIDTH))
    put("entries", bundle++, TILE_WIDTH, bundleOf(entries.slice(0, TILE_WIDTH)));
  if (entries.length > 0) put("entries", bundle, entries.length, bundleOf(entries));

  const levels: (readonly Buffer[])[] = [];
  let hashes: readonly Buffer[] = added.map(leafHash);
  for (let level = 0; hashes.length > 0 || level < edge.levels.length; level++) {
    let row = [...(edge.levels[level] ?? []), ...hashes];
    let tile = Math.floor(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH);
    const above: Buffer[] = [];
    for (; row.length >= TILE_WIDTH; row = row.slice(TILE_WIDTH)) {
      const bytes = Buffer.concat(row.slice(0, TILE_WIDTH));
      put(level, tile++, TILE_WIDTH, bytes);
      above.push(subtree(bytes));
    }
    if (row.length > 0 && (hashes.length > 0 || above.length > 0)) put(level, tile, row.length, Buffer.concat(row));
    levels.push(row);
    hashes = above;
  }
  return { edge: { entries, levels }, files, full };
}

async function readEdge(read: (path: string) => Promise<Buffer | undefined>, size: number): Promise<Edge> {
  const last = Math.floor(size / TILE_WIDTH);
  const width = size % TILE_WIDTH;
  const entries = width === 0 ? [] : await readBundle(read, last, size);
  const levels: (readonly Buffer[])[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const hashes = Math.floor(size / TILE_WIDTH ** level);
    const count = hashes % TILE_WIDTH;
    const at = hashesFrom(read, size);
    const row: Buffer[] = [];
    for (let index = hashes - count; index < hashes; index++) row.push(Buffer.from(await at(level * 8, index)));
    levels.push(row);
  }
  return { entries, levels };
}

async function readEntry(
  read: (path: string) => Promise<Buffer | undefined>,
  index: number,
  size: number,
): Promise<Buffer> {
  if (!(Number.isInteger(index) && index >= 0 && index < size))
    throw new EvidenceError("INVALID_OPTION", `index: expected one of the ${size} entries, got ${index}`);
  return (await readBundle(read, Math.floor(index / TILE_WIDTH), size))[index % TILE_WIDTH]!;
}

async function readBundle(
  read: (path: string) => Promise<Buffer | undefined>,
  index: number,
  size: number,
): Promise<readonly Buffer[]> {
  const width = tileWidth(0, index, size);
  const path = tilePath("entries", index, width);
  const partial = await read(path);
  if (partial !== undefined) return parseBundle(partial, width);
  const whole = await read(tilePath("entries", index));
  if (whole === undefined) throw new EvidenceError("LOG_DAMAGED", `${path} is missing`);
  return parseBundle(whole, TILE_WIDTH).slice(0, width);
}

/** Files by temporary name, flushed, renamed, their folders flushed: all of it is on the disk afterwards. */
async function writeDurably(folder: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  const folders = new Set<string>();
  try {
    for (const [path, bytes] of files) {
      const place = join(folder, path);
      const made = await mkdir(dirname(place), { recursive: true });
      for (let each = dirname(place); made !== undefined && each.length >= dirname(made).length; each = dirname(each))
        folders.add(each);
      folders.add(dirname(place));
      const file = await open(`${place}.new`, "w");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${place}.new`, place);
    }
    for (const each of process.platform === "win32" ? [] : folders) {
      const handle = await open(each, "r");
      await handle.sync().finally(() => handle.close());
    }
  } catch (cause) {
    throw new EvidenceError(
      "NOT_WRITABLE",
      `cannot write the log in ${folder}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
