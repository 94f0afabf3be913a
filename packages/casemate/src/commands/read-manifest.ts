import { readFile } from "node:fs/promises";
import { AuditError, violationOf } from "@casemate/audit";
import { DataManifest } from "@casemate/scan";

/** The manifest of a data set from a file. Throws INVALID_DATA. */
export async function readManifest(path: string): Promise<DataManifest> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new AuditError(
      "INVALID_DATA",
      `cannot read the manifest ${path}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  const violation = violationOf(DataManifest, value);
  if (violation !== undefined) throw new AuditError("INVALID_DATA", `the manifest ${path}: ${violation}`);
  return value as DataManifest;
}
