import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AuditError } from "./errors.ts";

/**
 * Writes a file so that it is there whole or not at all: beside its place, flushed to the disk, then renamed.
 * Throws OUTPUT_NOT_WRITABLE.
 */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw notWritable(path, cause);
  }
}

/** Makes a folder and finds out, before hours of work, whether files can be written into it. Throws OUTPUT_NOT_WRITABLE. */
export async function prepareFolder(folder: string): Promise<void> {
  const probe = join(folder, `.casemate-${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    await (await open(probe, "wx")).close();
    await rm(probe);
  } catch (cause) {
    throw notWritable(folder, cause);
  }
}

function notWritable(path: string, cause: unknown): AuditError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AuditError("OUTPUT_NOT_WRITABLE", `cannot write ${path}: ${reason}`, { cause });
}
