import { setTimeout as sleep } from "node:timers/promises";
import { type DatabaseConnection, SqliteDialect, SqliteDriver, type TransactionSettings } from "kysely";
import type Database from "libsql";
import { storeErrorOf } from "./errors.ts";

/**
 * Kysely's dialect of SQLite over libsql. A transaction begins as a write: one that begins as a read may find that another process has
 * written in between, and fail. Errors are the store's.
 */
export class LibsqlDialect extends SqliteDialect {
  readonly #path: string;
  readonly #database: Database.Database;

  constructor(path: string, database: Database.Database) {
    super({ database: asKyselyExpects(path, database) });
    this.#path = path;
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#path, this.#database);
  }
}

const ATTEMPTS = 2000;
const BETWEEN_ATTEMPTS = 5; // milliseconds: ten seconds in all

class ImmediateDriver extends SqliteDriver {
  readonly #path: string;
  readonly #database: Database.Database;

  constructor(path: string, database: Database.Database) {
    super({ database: asKyselyExpects(path, database) });
    this.#path = path;
    this.#database = database;
  }

  /** Waits for another's write, which in the same process can only end if waiting does not block. */
  override async beginTransaction(_: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = settings?.accessMode === "read only" ? "begin" : "begin immediate";
    for (let attempt = 1; ; attempt++) {
      try {
        // not by a prepared statement: one that finds the database busy stays in progress, and no later transaction on its connection
        // can commit (https://github.com/tursodatabase/libsql-js/pull/237)
        this.#database.exec(begin);
        return;
      } catch (cause) {
        if (attempt === ATTEMPTS || !/^SQLITE_BUSY/.test((cause as { code?: string }).code ?? ""))
          throw storeErrorOf(cause, this.#path);
        await sleep(BETWEEN_ATTEMPTS);
      }
    }
  }

  override async commitTransaction(): Promise<void> {
    try {
      this.#database.exec("commit");
    } catch (cause) {
      throw storeErrorOf(cause, this.#path);
    }
  }

  /** SQLite itself has rolled back where the disk was full; that there is nothing left to do must not hide why. */
  override async rollbackTransaction(): Promise<void> {
    if (this.#database.inTransaction) this.#database.exec("rollback");
  }
}

/** libsql's statements take parameters one by one, where Kysely passes a list, and give bytes as an ArrayBuffer. */
function asKyselyExpects(path: string, database: Database.Database) {
  const translated = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw storeErrorOf(cause, path);
    }
  };
  return {
    close: () => database.close(),
    prepare(sql: string) {
      const statement = translated(() => database.prepare(sql));
      return {
        reader: statement.reader,
        all: (parameters: readonly unknown[]) =>
          translated(() => (statement.all(...parameters) as Record<string, unknown>[]).map(withBuffers)),
        run: (parameters: readonly unknown[]) =>
          translated(() => statement.run(...parameters)) as { changes: number; lastInsertRowid: number },
        *iterate(parameters: readonly unknown[]) {
          for (const row of statement.iterate(...parameters)) yield withBuffers(row as Record<string, unknown>);
        },
      };
    },
  };
}

function withBuffers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(row)) if (value instanceof ArrayBuffer) row[name] = Buffer.from(value);
  return row;
}
