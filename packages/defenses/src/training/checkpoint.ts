import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readNpz, writeNpz } from "@casemate/data";
import type { AnyTensor, Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { EpochReport } from "./training-session.ts";

/** Everything that a training needs to go on with the same numbers. */
export interface Checkpoint {
  /** Of model, data and settings: a checkpoint goes on only with the same. */
  readonly fingerprint: string;
  readonly position: Position;
  readonly history: readonly EpochReport[];
  /** Of the trainer: weights, running averages, slots of the optimiser. */
  readonly state: ReadonlyMap<string, AnyTensor>;
  readonly average: ReadonlyMap<string, Tensor>;
  readonly memory: ReadonlyMap<string, Tensor>;
  /** Weights of the best epoch so far; empty before the first. */
  readonly best: ReadonlyMap<string, Tensor>;
}

export interface Position {
  /** Steps taken since the beginning. */
  readonly step: number;
  /** Sum of the losses, and how many, since the epoch began. */
  readonly lossSum: number;
  readonly lossCount: number;
  readonly bestEpoch: number;
  /** Seconds that earlier runs took. */
  readonly seconds: number;
}

/** Writes a checkpoint; the one before it stays until this one is whole and on the disk. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { fingerprint, position, history } = checkpoint;
  const text = JSON.stringify({ format: FORMAT, fingerprint, position, history });
  const about = new TextEncoder().encode(text);
  const arrays: Record<string, AnyTensor> = {
    about: { dtype: "uint8", shape: [about.length], data: about },
    ...Object.fromEntries(
      parts.flatMap((part) =>
        [...checkpoint[part]].map(([name, value]) => [`${part}/${encodeURIComponent(name)}`, value]),
      ),
    ),
  };
  const digest = digestOf(Object.entries(arrays));
  await writeNpz(path, { ...arrays, digest: { dtype: "uint8", shape: [digest.length], data: digest } });
}

/**
 * Reads a checkpoint; undefined where there is none. Takes away what a killed run left half-written beside it. Throws a
 * DefenseError BAD_CHECKPOINT for a damaged file, or one of another model, data or settings.
 */
export async function readCheckpoint(path: string, fingerprint: string): Promise<Checkpoint | undefined> {
  await removeUnfinished(path);
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const arrays = await readNpz(path, MAXIMUM_BYTES).catch((cause: unknown) => {
    throw damaged(path, cause instanceof Error ? cause.message : String(cause), cause);
  });
  const digest = arrays.get("digest")?.data;
  arrays.delete("digest");
  if (!digest || !digestOf(arrays).equals(digest as Uint8Array)) throw damaged(path, "one whose digest is another");
  const about = aboutOf(arrays, path);
  if (about.fingerprint !== fingerprint) {
    throw new DefenseError(
      "BAD_CHECKPOINT",
      `${path}: expected a checkpoint of this model, data and settings (${fingerprint.slice(0, 12)}), got one of others (${about.fingerprint.slice(0, 12)})`,
    );
  }
  const entries = (part: string) =>
    [...arrays].flatMap(([name, value]) =>
      name.startsWith(`${part}/`) ? [[decodeURIComponent(name.slice(part.length + 1)), value] as const] : [],
    );
  const floats = (part: string) => new Map(entries(part) as [string, Tensor][]);
  const { position, history } = about;
  const state = new Map(entries("state"));
  return {
    fingerprint,
    position,
    history,
    state,
    average: floats("average"),
    memory: floats("memory"),
    best: floats("best"),
  };
}

const FORMAT = "casemate training checkpoint 1";
const MAXIMUM_BYTES = 16 * 2 ** 30;
const parts = ["state", "average", "memory", "best"] as const;

function aboutOf(
  arrays: ReadonlyMap<string, AnyTensor>,
  path: string,
): Pick<Checkpoint, "fingerprint" | "position" | "history"> {
  const bytes = arrays.get("about")?.data;
  try {
    const about = JSON.parse(new TextDecoder().decode(bytes as Uint8Array));
    if (about.format === FORMAT) return about;
  } catch (cause) {
    throw damaged(path, "no description that can be read", cause);
  }
  throw damaged(path, "a file of another format");
}

/** Of names and numbers: the checksums of the file's format leave out the names. */
function digestOf(arrays: Iterable<readonly [string, AnyTensor]>): Buffer {
  const hash = createHash("sha256");
  for (const [name, { dtype, shape, data }] of arrays) {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    hash.update(`${name} ${dtype} [${shape}] ${byteLength}\n`).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest();
}

function damaged(path: string, got: string, cause?: unknown): DefenseError {
  return new DefenseError("BAD_CHECKPOINT", `${path}: expected a checkpoint of a training, got ${got}`, { cause });
}

async function removeUnfinished(path: string): Promise<void> {
  const names = await readdir(dirname(path)).catch(() => []);
  const unfinished = names.filter((name) => name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp"));
  await Promise.all(unfinished.map((name) => rm(join(dirname(path), name), { force: true })));
}
