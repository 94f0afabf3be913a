import { randomUUID } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EvidenceError } from "./errors.ts";

export interface WriteOptions {
  /** Permissions of the new file. */
  readonly mode?: number;
  /** Whether a file that is there already is an error. */
  readonly mustBeNew?: boolean;
}

/** Writes a file so that it is there whole or not at all, also after a crash: temporary file, fsync, rename, fsync of the folder. Throws NOT_WRITABLE. */
export async function writeFileWhole(
  path: string,
  content: string | Uint8Array,
  { mode = 0o666, mustBeNew = false }: WriteOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (mustBeNew) {
      await link(temporary, path); // unlike rename, fails where something is there
      await rm(temporary);
    } else await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    const exists = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const reason = exists ? "it is there already" : cause instanceof Error ? cause.message : String(cause);
    throw new EvidenceError("NOT_WRITABLE", `cannot write ${path}: ${reason}`, { cause });
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return; // has no fsync of folders
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
