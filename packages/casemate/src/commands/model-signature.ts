import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { HashEvent } from "@casemate/evidence";
import type { Console } from "../console.ts";

/** Where the signature of a model lies unless told otherwise: in its folder, or beside its file. */
export async function defaultSignaturePath(model: string): Promise<string> {
  const isFolder = (await stat(model).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? join(model, "model.sig") : `${model}.sig`;
}

/** Draws how far the hashing is, and gives what it ends with. */
export async function watchHashing<Result>(
  events: AsyncGenerator<HashEvent, Result>,
  console: Console,
): Promise<Result> {
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      if (value.type === "warning") console.error(`${console.paint.yellow("warning")} ${value.message}`);
      if (value.type === "progress" && value.of > 0) {
        console.draw(
          `hashed ${formatBytes(value.bytes)} of ${formatBytes(value.of)} (${Math.floor((100 * value.bytes) / value.of)}%)`,
        );
      }
    }
  } finally {
    console.draw("");
  }
}

/** "1.5 GB". */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
