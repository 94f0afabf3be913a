import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { DataError } from "./data-error.ts";

/** What stands at a path. Throws MISSING_FILE or UNREADABLE_FILE. */
export async function kindOf(path: string): Promise<"file" | "folder"> {
  const found = await stat(path).catch((cause: unknown) => {
    throw readError(path, cause);
  });
  if (found.isDirectory()) return "folder";
  if (found.isFile()) return "file";
  throw new DataError("UNREADABLE_FILE", `${path}: expected a file or a folder, got something else`);
}

/** The whole content of a regular file (opening a pipe could wait for ever). Throws LIMIT_EXCEEDED before reading a file of more than `maximumBytes`. */
export async function readBytes(path: string, maximumBytes: number): Promise<Uint8Array> {
  if ((await kindOf(path)) !== "file") throw new DataError("UNREADABLE_FILE", `${path}: expected a file, got a folder`);
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(path);
    const { size } = await handle.stat();
    if (size > maximumBytes) {
      throw new DataError("LIMIT_EXCEEDED", `${path}: expected at most ${maximumBytes} bytes, got ${size}`);
    }
    return await readFile(handle);
  } catch (cause) {
    throw cause instanceof DataError ? cause : readError(path, cause);
  } finally {
    await handle?.close();
  }
}

/** UTF-8 text, without a byte order mark. Throws MALFORMED_FILE for anything else. */
export function decodeText(bytes: Uint8Array, where: string): string {
  if (bytes.length > MAXIMUM_TEXT) {
    throw new DataError(
      "LIMIT_EXCEEDED",
      `${where}: expected at most ${MAXIMUM_TEXT} bytes of text, got ${bytes.length}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError("MALFORMED_FILE", `${where}: expected UTF-8 text, got other bytes`, { cause });
  }
}

/** Writes a file that appears whole or not at all. Throws UNWRITABLE_FILE. */
export async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  const unfinished = `${path}.${randomUUID()}.tmp`; // beside the file: a rename does not cross file systems
  try {
    await writeFile(unfinished, content, { flag: "wx", flush: true });
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new DataError("UNWRITABLE_FILE", `${path}: expected to write here, got ${codeOf(cause)}`, { cause });
  }
}

const MAXIMUM_TEXT = 256 * 2 ** 20; // half of the longest string that V8 holds

function readError(path: string, cause: unknown): DataError {
  const code = codeOf(cause);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new DataError("MISSING_FILE", `${path}: expected a data set, got no such file or folder`, { cause });
  }
  return new DataError("UNREADABLE_FILE", `${path}: expected a readable file or folder, got ${code}`, { cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
}
