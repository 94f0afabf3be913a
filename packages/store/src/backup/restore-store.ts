import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Kysely } from "kysely";
import { StoreError } from "../errors.ts";
import { storeErrorOf } from "../files/errors.ts";
import type { Store } from "../store.ts";
import { migrationsIn } from "./back-up-store.ts";
import { linesIn, type Row, rowOf } from "./row-lines.ts";
import { blobFile, readStoreBackup, rowsFile, type StoreBackup } from "./store-backup.ts";

/**
 * Brings a backup into a store that is empty but for its tables, of either home, its rows in one transaction and after its blobs. Throws CORRUPT
 * where anything is not what `backup.json` says, NEWER_SCHEMA where the tables are others, and IN_USE where there are rows.
 */
export async function restoreStore(store: Store<unknown>, folder: string): Promise<StoreBackup> {
  const backup = await readStoreBackup(folder);
  const reads = store.rows as Kysely<Record<string, Row>>;
  await requireSameTables(reads, backup, folder);
  await requireNoRows(reads, backup);
  for (const { name, sha256 } of backup.tables)
    if ((await digestOf(rowsFile(folder, name))) !== sha256)
      throw new StoreError("CORRUPT", `${folder}: the rows of ${name} are not the ones that were backed up`);
  for (const { prefix, sha256 } of backup.blobs) await restoreBlob(store, folder, prefix, sha256);
  await store.write(async (transaction) => {
    const rows = transaction as unknown as Kysely<Record<string, Row>>;
    await requireNoRows(rows, backup);
    for (const { name } of backup.tables) {
      for await (const batch of batchesIn(rowsFile(folder, name))) await rows.insertInto(name).values(batch).execute();
    }
  });
  return backup;
}

async function requireSameTables(
  rows: Kysely<Record<string, Row>>,
  backup: StoreBackup,
  folder: string,
): Promise<void> {
  const here = await migrationsIn(rows as Kysely<unknown>);
  const other = Object.keys({ ...here, ...backup.migrations }).find(
    (name) => name in here !== name in backup.migrations,
  );
  if (other !== undefined)
    throw new StoreError(
      "NEWER_SCHEMA",
      `${folder}: the backup and this version differ by ${other}; restore with the version that made it`,
    );
  const tables = new Set((await rows.introspection.getTables()).map(({ name }) => name));
  const unknown = backup.tables.find(({ name }) => !tables.has(name) || name === "migrations");
  if (unknown !== undefined)
    throw new StoreError("CORRUPT", `${folder}: no table ${unknown.name} comes of the migrations that it names`);
}

async function requireNoRows(rows: Kysely<Record<string, Row>>, backup: StoreBackup): Promise<void> {
  for (const { name } of backup.tables)
    if ((await rows.selectFrom(name).selectAll().limit(1).executeTakeFirst()) !== undefined)
      throw new StoreError("IN_USE", `the store that is restored to has rows in ${name}`);
}

async function restoreBlob(store: Store<unknown>, folder: string, prefix: string, sha256: string): Promise<void> {
  try {
    await store.blobs.put(prefix, bytesIn(blobFile(folder, prefix, sha256)), { sha256 });
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code !== "ENOENT" && code !== "DIGEST_MISMATCH") throw cause;
    throw new StoreError("CORRUPT", `${folder}: the blob ${sha256} under ${prefix} is not there or not whole`, {
      cause,
    });
  }
}

/** Opens a file when it is first asked for bytes: a stream that nobody reads yet has nowhere to tell that there is no file. */
async function* bytesIn(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}

const VALUES = 10_000; // that one statement holds; SQLite binds 32,766 at most

async function* batchesIn(path: string): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  for await (const line of linesIn(path)) {
    batch.push(parsed(line, path));
    if (batch.length * Object.keys(batch[0]!).length >= VALUES) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

function parsed(line: string, path: string): Row {
  try {
    return rowOf(line);
  } catch (cause) {
    throw new StoreError("CORRUPT", `${path}: expected a row on each line: ${(cause as Error).message}`, { cause });
  }
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw storeErrorOf(cause, path);
  }
  return hash.digest("hex");
}
