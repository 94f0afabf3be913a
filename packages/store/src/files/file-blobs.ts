import { createHash, randomUUID } from "node:crypto";
import { copyFile, type FileHandle, open, opendir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { checkName, checkRange } from "../blob-names.ts";
import type { BlobEntry, Blobs } from "../blobs.ts";
import { StoreError } from "../errors.ts";
import { storeErrorOf } from "./errors.ts";
import { flush, flushFolder, makeFolders } from "./folders.ts";

/**
 * Blobs as files `<prefix>/ab/abcdef…`, written beside their place, flushed and renamed: a crash leaves nothing but a file in
 * `incoming`, which the next start clears. Throws FULL, UNREACHABLE.
 */
export function openFileBlobs(path: string): Blobs {
  const folder = resolve(path);
  const placeOf = (prefix: string, sha256: string): string => {
    checkName(prefix, sha256);
    return join(folder, prefix, sha256.slice(0, 2), sha256);
  };

  async function entry(prefix: string, sha256: string): Promise<BlobEntry | undefined> {
    const found = await stat(placeOf(prefix, sha256)).catch(unlessMissing);
    return found === undefined ? undefined : { sha256, size: found.size };
  }

  /** Renames a flushed file to its place, and flushes the folders on the way. */
  async function settle(temporary: string, place: string): Promise<void> {
    await makeFolders(dirname(place));
    await rename(temporary, place);
    await flushFolder(dirname(place));
  }

  async function inIncoming<T>(work: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = join(folder, "incoming", randomUUID());
    try {
      await makeFolders(dirname(temporary));
      return await work(temporary);
    } catch (cause) {
      throw storeErrorOf(cause, folder);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  return {
    put: async (prefix, content, { sha256: expected } = {}) => {
      checkName(prefix, expected ?? "0".repeat(64));
      return await inIncoming(async (temporary) => {
        const { sha256, size } = await writeFlushed(temporary, content);
        if (expected !== undefined && expected !== sha256)
          throw new StoreError(
            "DIGEST_MISMATCH",
            `expected content with SHA-256 ${expected}, got ${sha256} (${size} bytes)`,
          );
        const place = placeOf(prefix, sha256);
        // one of another size was damaged since; one that is whole may have come this moment, not yet flushed
        if ((await entry(prefix, sha256))?.size === size) await flushFolder(dirname(place));
        else await settle(temporary, place);
        return { sha256, size };
      });
    },
    get: async (prefix, sha256, { start = 0, end } = {}) => {
      checkRange(start, end);
      let file: FileHandle;
      try {
        file = await open(placeOf(prefix, sha256), "r");
      } catch (cause) {
        if (isMissing(cause)) throw missing(prefix, sha256);
        throw storeErrorOf(cause, folder);
      }
      if (end !== undefined && end <= start) {
        await file.close();
        return Readable.from([]);
      }
      return file.createReadStream({ start, ...(end === undefined ? {} : { end: end - 1 }) });
    },
    stat: entry,
    copy: async (from, to, sha256) => {
      if ((await entry(from, sha256)) === undefined) throw missing(from, sha256);
      if (from === to || (await entry(to, sha256)) !== undefined) return;
      await inIncoming(async (temporary) => {
        await copyFile(placeOf(from, sha256), temporary);
        await flush(temporary);
        await settle(temporary, placeOf(to, sha256));
      });
    },
    remove: async (prefix, sha256) => {
      await rm(placeOf(prefix, sha256), { force: true });
    },
    async *prefixes() {
      for (const name of await namesIn(folder)) if (name !== "incoming") yield name;
    },
    async *list(prefix) {
      checkName(prefix, "0".repeat(64));
      for (const shard of await namesIn(join(folder, prefix)))
        for (const sha256 of await namesIn(join(folder, prefix, shard))) {
          const found = await entry(prefix, sha256);
          if (found !== undefined) yield found;
        }
    },
  };
}

const ABANDONED = 24 * 60 * 60 * 1000; // other processes may be writing theirs now

/** Throws away what a crash left half-written a day ago or earlier. */
export async function clearIncoming(folder: string, now: number): Promise<void> {
  for (const name of await namesIn(join(folder, "incoming"))) {
    const path = join(folder, "incoming", name);
    const found = await stat(path).catch(unlessMissing);
    if (found !== undefined && found.mtimeMs < now - ABANDONED) await rm(path, { force: true });
  }
}

async function writeFlushed(path: string, content: AsyncIterable<Uint8Array>): Promise<BlobEntry> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(path, "wx");
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.byteLength;
      for (let written = 0; written < chunk.byteLength; )
        written += (await file.write(chunk, written, chunk.byteLength - written)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest("hex"), size };
}

async function namesIn(path: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(path)) names.push(name);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
  return names.sort();
}

function missing(prefix: string, sha256: string): StoreError {
  return new StoreError("NOT_FOUND", `there is no blob ${sha256} under ${prefix}`);
}

function isMissing(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).code === "ENOENT";
}

function unlessMissing(cause: unknown): undefined {
  if (!isMissing(cause)) throw cause;
}
