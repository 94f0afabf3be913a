import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { blake3 } from "@noble/hashes/blake3.js";
import type { HashAlgorithm } from "./manifest.ts";

/** A range of a file to be hashed. Plain data: it crosses to a worker. */
export interface HashJob {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /** Of the whole file when it was listed. */
  readonly fileBytes: number;
  readonly followLinks: boolean;
}

const BUFFER_BYTES = 2 ** 20; // as fast as larger ones, and stays in the cache

/** A buffer for `hashRange`; one serves many ranges. */
export function newReadBuffer(): Uint8Array {
  return new Uint8Array(BUFFER_BYTES);
}

/**
 * The digest of a range in hex. `progress` hears of bytes as they are read. Throws an Error where the file is no longer what was listed:
 * of another size, exchanged for a link, or no file.
 */
export function hashRange(
  { path, start, end, fileBytes, followLinks }: HashJob,
  algorithm: HashAlgorithm,
  buffer: Uint8Array,
  progress: (bytes: number) => void,
): string {
  const file = openSync(path, constants.O_RDONLY | (followLinks ? 0 : (constants.O_NOFOLLOW ?? 0)));
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size !== fileBytes) throw new Error(`${path} changed while it was read`);
    const hash = newHash(algorithm);
    for (let at = start; at < end; ) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, end - at), at);
      if (read === 0) throw new Error(`${path} changed while it was read`);
      hash.update(read === buffer.length ? buffer : buffer.subarray(0, read));
      at += read;
      progress(read);
    }
    return hash.digest();
  } finally {
    closeSync(file);
  }
}

interface Hash {
  update(bytes: Uint8Array): void;
  digest(): string;
}

function newHash(algorithm: HashAlgorithm): Hash {
  if (algorithm === "blake3") {
    const hash = blake3.create();
    return { update: (bytes) => void hash.update(bytes), digest: () => Buffer.from(hash.digest()).toString("hex") };
  }
  const hash = createHash(algorithm === "blake2b" ? "blake2b512" : "sha256");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}
