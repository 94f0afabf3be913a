import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
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
    await makeFolder(resolve(folder));
    await (await open(probe, "wx")).close();
    await rm(probe);
  } catch (cause) {
    throw notWritable(folder, cause);
  }
}

/** Folders one by one: Node's recursive mkdir never returns where a file system such as /proc says that a parent is missing. */
async function makeFolder(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  await mkdir(folder);
}

function notWritable(path: string, cause: unknown): AuditError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AuditError("OUTPUT_NOT_WRITABLE", `cannot write ${path}: ${reason}`, { cause });
}
