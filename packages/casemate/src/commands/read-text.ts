import { readFile } from "node:fs/promises";
import { RegistryError } from "@casemate/registry";

/** A text in a file that goes to a registry. Throws INVALID with the path. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new RegistryError("INVALID", `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
