import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { DataError, type DataErrorCode } from "../src/data-error.ts";

export const vectors = fileURLToPath(new URL("./vectors/", import.meta.url));

/** A folder with the given files (text, bytes, or { vector: name } for a copy) that goes away with the test. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array | { readonly vector: string }>>): string {
  const folder = mkdtempSync(join(tmpdir(), "casemate-data-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (typeof content === "object" && "vector" in content)
      copyFileSync(join(vectors, content.vector), join(folder, name));
    else writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Expects a DataError of the code whose message holds `text`. */
export async function expectRefusal(promise: Promise<unknown>, code: DataErrorCode, text = ""): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DataError);
  if (error instanceof DataError) {
    expect(`${error.code}: ${error.message}`).toContain(`${code}: `);
    expect(error.message).toContain(text);
  }
}
