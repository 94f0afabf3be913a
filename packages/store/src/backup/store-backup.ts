import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { isPrefix } from "../blob-names.ts";
import { StoreError } from "../errors.ts";

const sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const StoreBackup = Type.Object(
  {
    schema: Type.Literal("casemate-store-backup/1"),
    migrations: Type.Record(Type.String(), sha256),
    tables: Type.Array(Type.Object({ name: Type.String({ pattern: "^[a-z][a-z0-9_]{0,62}$" }), rows: count, sha256 })),
    blobs: Type.Array(Type.Object({ prefix: Type.String(), sha256, size: count })),
  },
  { additionalProperties: false },
);

/** What a backup of a store holds, `backup.json`: every part with its digest. */
export type StoreBackup = Static<typeof StoreBackup>;

/** The file of a table's rows within a backup. */
export function rowsFile(folder: string, table: string): string {
  return join(folder, "rows", `${table}.jsonl`);
}

/** The file of a blob within a backup. */
export function blobFile(folder: string, prefix: string, sha256: string): string {
  return join(folder, "blobs", prefix, sha256);
}

/** Reads what a backup says it holds; names in it lead nowhere outside. Throws CORRUPT. */
export async function readStoreBackup(folder: string): Promise<StoreBackup> {
  const broken = (reason: string, cause?: unknown) =>
    new StoreError("CORRUPT", `${folder}: expected a whole backup, with its backup.json: ${reason}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, "backup.json"), "utf8"));
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!Value.Check(StoreBackup, value)) {
    const [first] = Value.Errors(StoreBackup, value);
    throw broken(`${first?.instancePath || "it"} ${first?.message}`);
  }
  const stranger = value.blobs.find(({ prefix }) => !isPrefix(prefix));
  if (stranger !== undefined) throw broken(`${JSON.stringify(stranger.prefix)} is no prefix of blobs`);
  return value;
}
