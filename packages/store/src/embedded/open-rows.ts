import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, type Transaction } from "kysely";
import Database from "libsql";
import type { Rows } from "../store.ts";
import { storeErrorOf } from "./errors.ts";
import { LibsqlDialect } from "./libsql-dialect.ts";

/** How long a statement outside of writes waits for another process, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/**
 * Opens a SQLite file by libsql in WAL mode; a commit is on the disk before it is acknowledged. Reads have a connection of their own, so
 * they neither wait for a write nor see what it has not committed. Throws CORRUPT, FULL, UNREACHABLE.
 */
export async function openEmbeddedRows<Tables>(path: string): Promise<Rows<Tables>> {
  const writes = await open<Tables>(path, ["busy_timeout = 0"]); // `begin immediate` is tried again instead, without blocking
  const reads = await open<Tables>(path, ["query_only = ON"]);
  const write: Rows<Tables>["write"] = async (work) => await writes.transaction().execute(work);
  return {
    reads,
    write,
    migrating: async (work) => await write((rows) => work(rows as unknown as Transaction<unknown>)),
    async snapshot(work) {
      const snapshot = await open<Tables>(path, ["query_only = ON"]);
      try {
        return await snapshot.transaction().setAccessMode("read only").execute(work);
      } finally {
        await snapshot.destroy();
      }
    },
    async close() {
      await reads.destroy();
      await writes.destroy();
    },
  };
}

async function open<Tables>(path: string, settings: readonly string[]): Promise<Kysely<Tables>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return new Kysely<Tables>({ dialect: new LibsqlDialect(path, openDatabase(path, settings)) });
    } catch (cause) {
      // processes that start at once all turn a new file to WAL: SQLite answers that without waiting
      if (attempt === 200 || (cause as { code?: string }).code !== "SQLITE_BUSY") throw storeErrorOf(cause, path);
      await sleep(10);
    }
  }
}

function openDatabase(path: string, settings: readonly string[]): Database.Database {
  const database = new Database(path);
  try {
    for (const setting of [
      `busy_timeout = ${BUSY_TIMEOUT}`,
      "journal_mode = WAL",
      "synchronous = FULL",
      "foreign_keys = ON",
      ...settings,
    ])
      database.pragma(setting);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}
