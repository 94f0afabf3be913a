import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Kysely, sql, type Transaction } from "kysely";
import { StoreError } from "../errors.ts";
import { storeErrorOf } from "../files/errors.ts";
import { flushFolder, makeFolders } from "../files/folders.ts";
import type { Store } from "../store.ts";
import { lineOf, type Row } from "./row-lines.ts";
import { blobFile, rowsFile, type StoreBackup } from "./store-backup.ts";

/**
 * Copies a store into a folder, as it is at one moment, while others go on writing: rows as JSON lines that either home reads, and
 * blobs. `backup.json` is written last: without it there is no backup. Throws IN_USE where the folder has one, FULL, UNREACHABLE, and CORRUPT
 * for a blob that is not what its name says.
 */
export async function backUpStore(store: Store<unknown>, target: string): Promise<StoreBackup> {
  const folder = resolve(target);
  try {
    for (const name of ["rows", "blobs", "backup.json"])
      if ((await stat(join(folder, name)).catch(() => undefined)) !== undefined)
        throw new StoreError("IN_USE", `${folder}: expected a folder without a backup, got one with ${name}`);
    await makeFolders(join(folder, "rows"), 0o700);
    const { tables, migrations } = await store.snapshot(async (rows) => {
      const tables = [];
      for (const { name } of await rows.introspection.getTables())
        if (name !== "migrations")
          tables.push({ name, ...(await writeLines(rowsFile(folder, name), rowsIn(rows, store.dialect, name))) });
      return { tables, migrations: await migrationsIn(rows) };
    });
    const blobs = await copyBlobs(store.blobs, folder);
    await flushFolder(join(folder, "rows"));
    const backup: StoreBackup = { schema: "casemate-store-backup/1", migrations, tables, blobs };
    await writeFlushed(join(folder, "backup.json"), JSON.stringify(backup, null, 2));
    await flushFolder(folder);
    return backup;
  } catch (cause) {
    throw storeErrorOf(cause, folder);
  }
}

/** The name and digest of each step that ran on a database, in their order. */
export async function migrationsIn(rows: Kysely<unknown>): Promise<Readonly<Record<string, string>>> {
  const found = await sql<{ name: string; sha256: string }>`select name, sha256 from migrations order by name`.execute(
    rows,
  );
  return Object.fromEntries(found.rows.map(({ name, sha256 }) => [name, sha256]));
}

const BATCH = 500;

/** All rows of a table, a few at a time. */
async function* rowsIn(
  rows: Transaction<unknown>,
  dialect: Store<unknown>["dialect"],
  table: string,
): AsyncGenerator<Row> {
  if (dialect === "sqlite") {
    yield* (rows as unknown as Transaction<Record<string, Row>>).selectFrom(table).selectAll().stream();
    return;
  }
  await sql`declare backup no scroll cursor for select * from ${sql.table(table)}`.execute(rows);
  for (;;) {
    const page = await sql<Row>`fetch ${sql.lit(BATCH)} from backup`.execute(rows);
    yield* page.rows;
    if (page.rows.length < BATCH) break;
  }
  await sql`close backup`.execute(rows);
}

async function writeLines(
  path: string,
  rows: AsyncIterable<Row>,
): Promise<{ readonly rows: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let count = 0;
  async function* lines() {
    for await (const row of rows) {
      const line = lineOf(row);
      hash.update(line);
      count++;
      yield line;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path, { flush: true, mode: 0o600, flags: "wx" }));
  return { rows: count, sha256: hash.digest("hex") };
}

async function copyBlobs(blobs: Store<unknown>["blobs"], folder: string): Promise<StoreBackup["blobs"]> {
  const copied: StoreBackup["blobs"] = [];
  for await (const prefix of blobs.prefixes()) {
    for await (const { sha256, size } of blobs.list(prefix)) {
      const content = await blobs.get(prefix, sha256).catch(unlessRemoved);
      if (content === undefined) continue;
      const hash = createHash("sha256");
      async function* hashed() {
        for await (const chunk of content!) {
          hash.update(chunk);
          yield chunk;
        }
      }
      const place = blobFile(folder, prefix, sha256);
      await mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await pipeline(hashed, createWriteStream(place, { flush: true, mode: 0o600, flags: "wx" }));
      if (hash.digest("hex") !== sha256)
        throw new StoreError("CORRUPT", `the blob ${sha256} under ${prefix} is not what its name says`);
      copied.push({ prefix, sha256, size });
    }
    await flushFolder(join(folder, "blobs", prefix)).catch(unlessNone);
  }
  await flushFolder(join(folder, "blobs")).catch(unlessNone);
  return copied;
}

/** What was removed since it was listed is not a part of the backup. */
function unlessRemoved(error: unknown): undefined {
  if (!(error instanceof StoreError) || error.code !== "NOT_FOUND") throw error;
}

function unlessNone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
