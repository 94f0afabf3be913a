import { readFile } from "node:fs/promises";
import { RegistryError } from "@casemate/registry";

/** The value in a JSON file that goes to a registry. Throws INVALID with the path. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new RegistryError("INVALID", `cannot read ${path}: ${reason}`, { cause });
  }
}
