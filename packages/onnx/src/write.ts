import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { encodeChunks, isUnchanged } from "./encode.ts";
import { OnnxError } from "./errors.ts";
import type { Model } from "./model.ts";

/**
 * Writes an .onnx file that appears whole or not at all. External data stays beside the model while an unchanged model
 * stays in its folder; otherwise all weights go into the file.
 */
export async function writeModel(model: Model, path: string): Promise<void> {
  const target = resolve(path);
  const temporary = `${target}.${randomBytes(6).toString("hex")}.partial`;
  let file: FileHandle | undefined;
  try {
    const stays = isUnchanged(model) && (await realpath(dirname(target))) === model.source?.folder;
    const chunks = stays && model.source ? [model.source.bytes] : encodeChunks(model);
    file = await open(temporary, "wx");
    for (const chunk of chunks) {
      await file.writeFile(chunk);
    }
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    await file?.close();
    await rm(temporary, { force: true });
    if (cause instanceof OnnxError) {
      throw cause;
    }
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new OnnxError("UNWRITABLE_FILE", `${path}: expected a file that can be written, got ${got}`, { cause });
  }
}

/** Makes the rename itself last through a power cut; Windows has no such call on folders. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") {
    return;
  }
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
