import { setTimeout as sleep } from "node:timers/promises";
import { CompiledQuery, type DatabaseConnection, SqliteDialect, SqliteDriver, type TransactionSettings } from "kysely";
import type Database from "libsql";
import { StoreError } from "../errors.ts";
import { storeErrorOf } from "./errors.ts";

/**
 * Kysely's dialect of SQLite over libsql. A transaction begins as a write: one that begins as a read may find that another process has
 * written in between, and fail. Errors are the store's.
 */
export class LibsqlDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];

  constructor(path: string, database: Database.Database) {
    const config = { database: asKyselyExpects(path, database) };
    super(config);
    this.#config = config;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config);
  }
}

const ATTEMPTS = 2000;
const BETWEEN_ATTEMPTS = 5; // milliseconds: ten seconds in all

class ImmediateDriver extends SqliteDriver {
  /** Waits for another's write, which in the same process can only end if waiting does not block. */
  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = CompiledQuery.raw(settings?.accessMode === "read only" ? "begin" : "begin immediate");
    for (let attempt = 1; ; attempt++) {
      try {
        await connection.executeQuery(begin);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || !isBusy(error)) throw error;
        await sleep(BETWEEN_ATTEMPTS);
      }
    }
  }

  /** SQLite itself has rolled back where the disk was full; that there is nothing left to do must not hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      if (!(error instanceof Error) || !/no transaction is active/.test(error.message)) throw error;
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof StoreError && /^SQLITE_BUSY/.test((error.cause as { code?: string }).code ?? "");
}

/** libsql's statements take parameters one by one, where Kysely passes a list. */
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
        all: (parameters: readonly unknown[]) => translated(() => statement.all(...parameters)) as unknown[],
        run: (parameters: readonly unknown[]) =>
          translated(() => statement.run(...parameters)) as { changes: number; lastInsertRowid: number },
        iterate: (parameters: readonly unknown[]) => statement.iterate(...parameters) as IterableIterator<unknown>,
      };
    },
  };
}
