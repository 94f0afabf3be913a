import { CompiledQuery, type DatabaseConnection, Kysely, SqliteDialect, SqliteDriver } from "kysely";
import Database from "libsql";
import { StoreError } from "../errors.ts";

/** Two connections to one SQLite file, so that reads do not wait for, or see, a write that is not committed. */
export interface EmbeddedRows<Tables> {
  readonly reads: Kysely<Tables>;
  readonly writes: Kysely<Tables>;
}

/** How long one process waits for another's write, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** Opens a SQLite file by libsql in WAL mode; a commit is on the disk before it is acknowledged. Throws CORRUPT, UNREACHABLE. */
export function openEmbeddedRows<Tables>(path: string): EmbeddedRows<Tables> {
  return { reads: open<Tables>(path), writes: open<Tables>(path) };
}

function open<Tables>(path: string): Kysely<Tables> {
  try {
    const database = new Database(path);
    for (const setting of [
      "journal_mode = WAL",
      "synchronous = FULL",
      "foreign_keys = ON",
      `busy_timeout = ${BUSY_TIMEOUT}`,
    ])
      database.pragma(setting);
    return new Kysely<Tables>({ dialect: new ImmediateDialect({ database: withoutMetadata(database) }) });
  } catch (cause) {
    throw storeError(cause, path);
  }
}

/** A write that begins as a read may find that another process has written in between, and fail; one that begins as a write waits. */
class ImmediateDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];

  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config);
    this.#config = config;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config);
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

/** What Kysely asks of a database, from libsql: errors become the store's. */
function withoutMetadata(database: Database.Database) {
  const translated = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw storeError(cause, "the database");
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

/** A store's error for one of SQLite's; what is about the statement itself stays as it is. */
function storeError(cause: unknown, path: string): unknown {
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  if (/SQLITE_FULL/.test(code) || /disk is full/.test(message))
    return new StoreError("FULL", `no room left for ${path}`, { cause });
  if (/SQLITE_(CORRUPT|NOTADB)/.test(code) || /malformed|not a database/.test(message))
    return new StoreError("CORRUPT", `${path} is damaged, or not a database: ${message}`, { cause });
  if (/SQLITE_(CANTOPEN|IOERR|READONLY|BUSY|LOCKED)/.test(code) || /unable to open/i.test(message))
    return new StoreError("UNREACHABLE", `cannot use ${path}: ${message}`, { cause });
  return cause;
}
