import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import { StoreError } from "../errors.ts";
import type { Store } from "../store.ts";

/** Rows on a PostgreSQL server. */
export interface PostgresRows<Tables> {
  readonly rows: Kysely<Tables>;
  readonly write: Store<Tables>["write"];
  /** One transaction in which each statement sees what is committed, alone among those that migrate. */
  readonly alone: <T>(work: (rows: Transaction<Tables>) => Promise<T>) => Promise<T>;
}

export interface PostgresOptions {
  /** Connections at most. */
  readonly connections?: number;
  /** In [0, 1), for the time between attempts. */
  readonly random?: () => number;
}

const ATTEMPTS = 12;
const MIGRATION_LOCK = 7_311_020_114; // any number, the same in every process
const INT8 = 20;

/** Connects to a server when it is first needed, and again after it was gone. Throws UNREACHABLE, FULL from then on. */
export function openPostgresRows<Tables>(
  url: string,
  { connections = 10, random = Math.random }: PostgresOptions = {},
): PostgresRows<Tables> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 5000,
    statement_timeout: 60_000,
    idle_in_transaction_session_timeout: 60_000,
    // counts and times are whole numbers below 2^53, as SQLite gives them
    types: {
      getTypeParser: (oid: number, format?: never) =>
        oid === INT8 ? wholeNumber : pg.types.getTypeParser(oid, format),
    } as never,
  });
  // a connection that breaks is told of by its next query; without listeners it would end the process
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const rows = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: translating(pool) }) });

  const write: Store<Tables>["write"] = async (work) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await rows.transaction().setIsolationLevel("serializable").execute(work);
      } catch (error) {
        if (attempt === ATTEMPTS || !isLost(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 2 ** Math.min(attempt, 8) * random()));
      }
    }
  };
  const alone: PostgresRows<Tables>["alone"] = async (work) =>
    await rows
      .transaction()
      .setIsolationLevel("read committed")
      .execute(async (transaction) => {
        await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
        return await work(transaction);
      });
  return { rows, write, alone };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new StoreError("CORRUPT", `expected a whole number below 2^53 from the database, got ${text}`);
  return value;
}

/** Whether a transaction lost to another one (serialization_failure, deadlock_detected) and may be tried again. */
function isLost(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "40001" || code === "40P01";
}

/** The pool as Kysely uses it, with the store's errors. */
function translating(pool: pg.Pool) {
  return {
    end: async () => await pool.end(),
    async connect() {
      const client = await pool.connect().catch((cause) => {
        throw storeError(cause);
      });
      const query = async (text: string, parameters?: readonly unknown[]) => {
        try {
          return await client.query(text, parameters as unknown[]);
        } catch (cause) {
          throw storeError(cause);
        }
      };
      return { query: query as never, release: () => client.release() };
    },
  };
}

/** By SQLSTATE class: 08 connection, 53 resources, 57 operator intervention; or by the system's code where there is no connection. */
function storeError(cause: unknown): unknown {
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  if (code === "53100") return new StoreError("FULL", "no room left on the database's disk", { cause });
  const isGone = /^(08|57P|53)/.test(code) || /^(ECONN|EPIPE|ENOTFOUND|ENOENT|EAI_|ETIMEDOUT|EHOSTUNREACH)/.test(code);
  if (isGone || /Connection terminated|timeout exceeded when trying to connect/.test(message))
    return new StoreError("UNREACHABLE", `the database cannot be reached: ${message}`, { cause });
  return cause;
}
