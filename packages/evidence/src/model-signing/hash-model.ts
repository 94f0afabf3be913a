import { EvidenceError } from "../errors.ts";
import { type HashOptions, hashFiles } from "./hash-files.ts";
import type { HashJob } from "./hash-range.ts";
import { listFiles, type ModelFiles } from "./list-files.ts";
import { type ModelResource, type Serialization, shardName } from "./manifest.ts";

/** How far the hashing of a model is. */
export type HashEvent =
  | { readonly type: "started"; readonly files: number; readonly bytes: number }
  /** `bytes` so far, `of` all. */
  | { readonly type: "progress"; readonly bytes: number; readonly of: number }
  | { readonly type: "warning"; readonly message: string };

/** A model as it lies on the disk. */
export interface HashedModel extends ModelFiles {
  readonly resources: readonly ModelResource[];
  readonly bytes: number;
}

/** Lists and hashes a model as a serialization says. Throws NOT_READABLE, UNSAFE_PATH. */
export async function* hashModel(
  path: string,
  serialization: Serialization,
  options: HashOptions = {},
): AsyncGenerator<HashEvent, HashedModel> {
  const {
    method,
    hash_type: algorithm,
    shard_size: shardSize,
    allow_symlinks: followLinks,
    ignore_paths: ignorePaths = [],
  } = serialization;
  const listed = await listFiles(path, { ignorePaths, allowSymlinks: followLinks });
  for (const message of listed.warnings) yield { type: "warning", message };
  const bytes = listed.files.reduce((sum, file) => sum + file.bytes, 0);
  yield { type: "started", files: listed.files.length, bytes };
  const names: string[] = [];
  const jobs: HashJob[] = [];
  for (const { name, path, bytes: fileBytes } of listed.files) {
    const step = method === "shards" ? shardSizeOf(shardSize) : fileBytes;
    for (let start = 0; start < fileBytes || (method === "files" && start === 0); start += Math.max(step, 1)) {
      const end = Math.min(start + step, fileBytes);
      names.push(method === "shards" ? shardName({ path: name, start, end }) : name);
      jobs.push({ path, start, end, fileBytes, followLinks });
    }
  }
  const hashing = hashFiles(jobs, algorithm, options);
  let next = await hashing.next();
  for (; !next.done; next = await hashing.next()) yield { type: "progress", bytes: next.value, of: bytes };
  const digests = next.value;
  return { ...listed, bytes, resources: names.map((name, index) => ({ name, algorithm, digest: digests[index]! })) };
}

function shardSizeOf(size: number | undefined): number {
  if (size !== undefined && Number.isSafeInteger(size) && size > 0) return size;
  throw new EvidenceError("INVALID_OPTION", `shard size: expected a whole number of bytes from 1, got ${size}`);
}
