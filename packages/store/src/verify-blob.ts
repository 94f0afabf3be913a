import { createHash } from "node:crypto";
import type { BlobEntry, Blobs } from "./blobs.ts";
import { StoreError } from "./errors.ts";

/** Reads a blob to its end and compares it with its name. Throws CORRUPT, NOT_FOUND. */
export async function verifyBlob(blobs: Blobs, prefix: string, sha256: string): Promise<BlobEntry> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of await blobs.get(prefix, sha256)) {
    hash.update(chunk);
    size += chunk.length;
  }
  if (hash.digest("hex") !== sha256)
    throw new StoreError("CORRUPT", `the blob ${sha256} under ${prefix} is not what its name says (${size} bytes)`);
  return { sha256, size };
}
