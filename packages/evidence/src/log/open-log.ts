import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";
import { signCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import { mergeSignatures } from "./cosignature.ts";
import { type Edge, filesOfEdge, grow, readBundle, readEdge, rootOfEdge } from "./edge.ts";
import { lockFolder } from "./lock.ts";
import { readerOf, removeBeyond, writeDurably } from "./log-files.ts";
import { consistencyProof, inclusionProof } from "./merkle.ts";
import { noteKeyOf, parseNote } from "./note.ts";
import { formatProof } from "./proof.ts";
import { hashesFrom, type ReadPath } from "./tile-reader.ts";
import { MAXIMUM_ENTRY, TILE_WIDTH } from "./tiles.ts";

/** An append-only log in a folder, laid out as C2SP tiles: any file server can publish it. */
export interface TransparencyLog {
  readonly origin: string;
  /** What verifies its checkpoints. */
  readonly vkey: string;
  readonly size: number;
  /** The latest signed checkpoint. */
  readonly checkpoint: string;
  /**
   * Adds entries of at most 65,535 bytes; returns the index of the first. When it resolves, they are on the disk under a signed
   * checkpoint. Calls that wait share one round of flushing. Where it throws, `size` says whether the entries are in all the same.
   */
  append(entries: readonly Uint8Array[]): Promise<number>;
  entry(index: number): Promise<Buffer>;
  /** A C2SP proof that an entry is in the log as of the latest checkpoint. */
  proof(index: number): Promise<string>;
  /** The audit path of an entry in the tree of `size` entries, the latest if absent. */
  inclusion(index: number, size?: number): Promise<readonly Uint8Array[]>;
  consistency(from: number, to?: number): Promise<readonly Uint8Array[]>;
  /** Adds signature lines of witnesses to the latest checkpoint. Nothing where the log has grown since; they are not verified. */
  addCosignatures(checkpoint: string, lines: string): Promise<void>;
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
 * checkpoint says, and files beyond it are removed. Throws LOG_DAMAGED, UNTRUSTED_SIGNER, NOT_WRITABLE, IN_USE.
 */
export async function openLog(folder: string, { origin, signer }: LogOptions): Promise<TransparencyLog> {
  const { key, vkey } = noteKeyOf(origin, signer);
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw new EvidenceError("NOT_WRITABLE", `cannot make ${folder}: ${cause.message}`, { cause });
  });
  const lock = await lockFolder(folder);
  const read = readerOf(folder);

  const publish = async (text: string): Promise<void> => {
    await lock.assertHeld();
    await writeDurably(folder, new Map([["checkpoint", Buffer.from(text)]]));
  };
  /** What the disk says, without what an append that was cut off has left. */
  const load = async (): Promise<State> => {
    const checkpoint = (await read("checkpoint"))?.toString("utf8");
    await lock.assertHeld(); // what another has begun to write is not ours to remove
    if (checkpoint === undefined) {
      await removeBeyond(folder, 0);
      return { checkpoint: "", edge: { size: 0, entries: [], levels: [] } };
    }
    const { size, root } = verifyCheckpoint(checkpoint, key);
    const edge = await readEdge(read, size);
    if (!rootOfEdge(edge).equals(root))
      throw new EvidenceError(
        "LOG_DAMAGED",
        `the tiles in ${folder} do not give the root of its checkpoint of size ${size}`,
      );
    // a copy that was made while the log grew may hold the edge in full tiles only, which lie beyond the checkpoint
    const missing = new Map<string, Buffer>();
    for (const [path, bytes] of filesOfEdge(edge)) if ((await read(path)) === undefined) missing.set(path, bytes);
    await writeDurably(folder, missing);
    await removeBeyond(folder, size);
    return { checkpoint, edge };
  };
  const sign = async (edge: Edge): Promise<State> => ({
    checkpoint: await signCheckpoint({ origin, size: edge.size, root: rootOfEdge(edge) }, signer),
    edge,
  });

  try {
    let state = await load();
    if (state.checkpoint === "") {
      state = await sign(state.edge);
      await publish(state.checkpoint);
    }
    let isSure = true; // that the disk says what `state` says

    const write = async (entries: readonly Uint8Array[]): Promise<number> => {
      const first = state.edge.size;
      try {
        if (!isSure) {
          state = await load();
          isSure = true;
          if (state.edge.size !== first)
            throw new EvidenceError(
              "NOT_WRITABLE",
              `the log in ${folder} has ${state.edge.size} entries, not ${first}`,
            );
        }
        const { edge, files, full } = grow(state.edge, entries);
        await lock.assertHeld();
        await writeDurably(folder, files);
        const next = await sign(edge);
        await publish(next.checkpoint);
        state = next;
        for (const path of full) await rm(join(folder, `${path}.p`), { recursive: true, force: true });
        return first;
      } catch (error) {
        isSure = false;
        const reloaded = await load().catch(() => undefined);
        if (reloaded !== undefined) [state, isSure] = [reloaded, true];
        throw error;
      }
    };
    const queue = queueOf(write);

    return {
      origin,
      vkey,
      get size() {
        return state.edge.size;
      },
      get checkpoint() {
        return state.checkpoint;
      },
      async append(entries) {
        const large = entries.findIndex(({ length }) => length > MAXIMUM_ENTRY);
        if (large >= 0)
          throw new EvidenceError(
            "INVALID_OPTION",
            `entry ${large}: expected at most ${MAXIMUM_ENTRY} bytes, got ${entries[large]!.length}`,
          );
        return entries.length === 0 ? state.edge.size : await queue.add(entries);
      },
      entry: async (index) => await readEntry(read, index, state.edge.size),
      async proof(index) {
        const { edge, checkpoint } = state;
        return formatProof({
          index,
          path: await inclusionProof(hashesFrom(read, edge.size), index, edge.size),
          checkpoint,
        });
      },
      async inclusion(index, size = state.edge.size) {
        assertSize(size, state.edge.size);
        return await inclusionProof(hashesFrom(read, state.edge.size), index, size);
      },
      async consistency(from, to = state.edge.size) {
        assertSize(to, state.edge.size);
        return await consistencyProof(hashesFrom(read, state.edge.size), from, to);
      },
      addCosignatures: async (checkpoint, lines) =>
        await queue.run(async () => {
          if (parseNote(checkpoint).text !== parseNote(state.checkpoint).text) return;
          const merged = mergeSignatures(state.checkpoint, lines);
          verifyCheckpoint(merged, key);
          await publish(merged);
          state = { ...state, checkpoint: merged };
        }),
      async close() {
        await queue.run(async () => {});
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface State {
  readonly checkpoint: string;
  readonly edge: Edge;
}

const MAXIMUM_ROUND = 16_384; // entries; of 64 KiB each they are a gigabyte

/** One piece of work at a time; entries that come while one is going on are written together. */
function queueOf(write: (entries: readonly Uint8Array[]) => Promise<number>) {
  const waiting: {
    readonly entries: readonly Uint8Array[];
    readonly resolve: (first: number) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  let last: Promise<unknown> = Promise.resolve();

  async function round(): Promise<void> {
    const taken: typeof waiting = [];
    for (let count = 0; waiting.length > 0 && (taken.length === 0 || count < MAXIMUM_ROUND); ) {
      taken.push(waiting.shift()!);
      count += taken.at(-1)!.entries.length;
    }
    if (taken.length === 0) return; // an earlier round has taken them along
    try {
      let index = await write(taken.flatMap(({ entries }) => entries));
      for (const { entries, resolve } of taken) {
        resolve(index);
        index += entries.length;
      }
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
  }

  function run<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  return {
    run,
    add(entries: readonly Uint8Array[]): Promise<number> {
      return new Promise((resolve, reject) => {
        waiting.push({ entries, resolve, reject });
        void run(round);
      });
    },
  };
}

async function readEntry(read: ReadPath, index: number, size: number): Promise<Buffer> {
  if (!(Number.isInteger(index) && index >= 0 && index < size))
    throw new EvidenceError("INVALID_OPTION", `index: expected one of the ${size} entries, got ${index}`);
  return (await readBundle(read, Math.floor(index / TILE_WIDTH), size))[index % TILE_WIDTH]!;
}

function assertSize(size: number, most: number): void {
  if (!(Number.isInteger(size) && size >= 0 && size <= most))
    throw new EvidenceError("INVALID_OPTION", `size: expected at most ${most}, got ${size}`);
}
