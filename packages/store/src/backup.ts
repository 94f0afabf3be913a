import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Kysely, sql } from "kysely";
import { StoreError } from "./errors.ts";
import type { Store } from "./store.ts";

/** What a backup of a store holds: all but the blobs, which are named by their digests. */
export interface StoreBackup {
  readonly schema: "casemate-store-backup/1";
  readonly migrations: Readonly<Record<string, string>>;
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
  readonly blobs: readonly { readonly prefix: string; readonly sha256: string; readonly size: number }[];
}

const BATCH = 500;

/**
 * Copies a store into a folder, as it is at one moment, while others go on writing: rows as JSON lines that either home reads, and
 * blobs. `backup.json` is written last: without it there is no backup. Throws FULL, UNREACHABLE, and CORRUPT for a blob that is not what its
 * name says.
 */
export async function backUpStore(
  { blobs, snapshot: atOneMoment }: Store<unknown>,
  folder: string,
): Promise<StoreBackup> {
  await mkdir(join(folder, "rows"), { recursive: true, mode: 0o700 });
  const { tables, migrations } = await atOneMoment(async (snapshot) => {
    const names = (await snapshot.introspection.getTables())
      .map(({ name }) => name)
      .filter((name) => name !== "migrations")
      .sort();
    const tables = [];
    for (const name of names)
      tables.push({ name, ...(await writeRows(snapshot, name, join(folder, "rows", `${name}.jsonl`))) });
    return { tables, migrations: await migrationsIn(snapshot) };
  });
  const copied: StoreBackup["blobs"][number][] = [];
  for await (const prefix of blobs.prefixes()) {
    for await (const { sha256, size } of blobs.list(prefix)) {
      const place = join(folder, "blobs", prefix, sha256);
      await mkdir(dirname(place), { recursive: true });
      const hash = createHash("sha256");
      await pipeline(
        await blobs.get(prefix, sha256),
        async function* (content) {
          for await (const chunk of content) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(place, { flush: true }),
      );
      if (hash.digest("hex") !== sha256)
        throw new StoreError("CORRUPT", `the blob ${sha256} under ${prefix} is not what its name says`);
      copied.push({ prefix, sha256, size });
    }
  }
  const backup: StoreBackup = { schema: "casemate-store-backup/1", migrations, tables, blobs: copied };
  await writeFlushed(join(folder, "backup.json"), JSON.stringify(backup, null, 2));
  return backup;
}

/**
 * Brings a backup into a store that is empty but for its tables, of either home, in one transaction. Throws CORRUPT where anything is not
 * what `backup.json` says, NEWER_SCHEMA where the tables are others, and IN_USE where there are rows.
 */
export async function restoreStore(store: Store<unknown>, folder: string): Promise<StoreBackup> {
  const backup: StoreBackup = JSON.parse(await readFile(join(folder, "backup.json"), "utf8").catch(() => "{}"));
  if (backup.schema !== "casemate-store-backup/1")
    throw new StoreError("CORRUPT", `${folder}: expected a whole backup, with its backup.json`);
  for (const { name, sha256 } of backup.tables) {
    const found = await digestOf(join(folder, "rows", `${name}.jsonl`));
    if (found !== sha256)
      throw new StoreError("CORRUPT", `${folder}: the rows of ${name} are not the ones that were backed up`);
  }
  const here = await migrationsIn(store.rows as Kysely<unknown>);
  const other = Object.keys({ ...here, ...backup.migrations }).find(
    (name) => name in here !== name in backup.migrations,
  );
  if (other !== undefined)
    throw new StoreError(
      "NEWER_SCHEMA",
      `${folder}: the backup and this version differ by ${other}; restore with the version that made it`,
    );
  for (const { prefix, sha256 } of backup.blobs)
    await store.blobs.put(prefix, createReadStream(join(folder, "blobs", prefix, sha256)), { sha256 });
  await store.write(async (transaction) => {
    const rows = transaction as unknown as Kysely<Record<string, Record<string, unknown>>>;
    for (const { name } of backup.tables) {
      if ((await rows.selectFrom(name).selectAll().limit(1).executeTakeFirst()) !== undefined)
        throw new StoreError("IN_USE", `the store that is restored to has rows in ${name}`);
      let batch: Record<string, unknown>[] = [];
      const flush = async () => {
        if (batch.length > 0) await rows.insertInto(name).values(batch).execute();
        batch = [];
      };
      for await (const line of createInterface({ input: createReadStream(join(folder, "rows", `${name}.jsonl`)) })) {
        batch.push(JSON.parse(line));
        if (batch.length * Object.keys(batch[0]!).length >= 10_000) await flush(); // SQLite binds 32,766 values at most
      }
      await flush();
    }
  });
  return backup;
}

async function writeRows(
  rows: Kysely<unknown>,
  table: string,
  path: string,
): Promise<{ readonly rows: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let count = 0;
  async function* lines() {
    const columns = await keyOf(rows, table);
    for (let offset = 0; ; offset += BATCH) {
      const page = await sql<
        Record<string, unknown>
      >`select * from ${sql.table(table)} order by ${sql.join(columns.map((column) => sql.ref(column)))} limit ${BATCH} offset ${offset}`.execute(
        rows,
      );
      for (const row of page.rows) {
        const line = `${JSON.stringify(row)}\n`;
        hash.update(line);
        count++;
        yield line;
      }
      if (page.rows.length < BATCH) return;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path, { flush: true, mode: 0o600 }));
  return { rows: count, sha256: hash.digest("hex") };
}

/** All columns, to order by: within one snapshot any total order will do. */
async function keyOf(rows: Kysely<unknown>, table: string): Promise<readonly string[]> {
  const found = (await rows.introspection.getTables()).find(({ name }) => name === table);
  return found!.columns.map(({ name }) => name);
}

async function migrationsIn(rows: Kysely<unknown>): Promise<Readonly<Record<string, string>>> {
  const found = await sql<{ name: string; sha256: string }>`select name, sha256 from migrations order by name`.execute(
    rows,
  );
  return Object.fromEntries(found.rows.map(({ name, sha256 }) => [name, sha256]));
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  if ((await stat(path).catch(() => undefined)) === undefined) return "";
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
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
