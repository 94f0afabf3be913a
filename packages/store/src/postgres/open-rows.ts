import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import type { Rows } from "../store.ts";
import { storeErrorOf } from "./errors.ts";
import { type Places, places } from "./places.ts";
import { types } from "./type-parsers.ts";

export interface PostgresOptions {
  /** Connections at most for reads, and as many for writes: a read within a write never waits for that write. */
  readonly connections?: number;
  /** In [0, 1), for the time between attempts. */
  readonly random: () => number;
}

const ATTEMPTS = 12; // after the second only writers that are no stores can be in the way

/**
 * What a write begins with: first tries run beside each other, and one that lost runs alone, or many writers of one row would keep losing
 * to each other. The lock is fair, ends with its transaction, and unlike an advisory one is taken before the snapshot is.
 */
const besideOthers = sql`lock table migrations in row share mode`;
const alone = sql`lock table migrations in exclusive mode`;

const MIGRATION_LOCK = 7_311_020_114; // any number, the same in every process
const QUIET = 60_000; // milliseconds that a statement may take, or a transaction may wait for its next

/** Connects to a server when it is first needed, and again after it was gone. Throws UNREACHABLE, FULL from then on. */
export function openPostgresRows<Tables>(url: string, { connections = 10, random }: PostgresOptions): Rows<Tables> {
  const reads = open<Tables>(url, connections, "-c default_transaction_read_only=on");
  const writes = open<Tables>(url, connections);
  return {
    reads,
    async write(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await writes
            .transaction()
            .setIsolationLevel("serializable")
            .execute(async (transaction) => {
              await (attempt === 1 ? besideOthers : alone).execute(transaction);
              return await work(transaction);
            });
        } catch (error) {
          if (attempt === ATTEMPTS || !isLost(error)) throw error;
          if (attempt > 1) await sleep(2 ** Math.min(attempt, 8) * random());
        }
      }
    },
    snapshot: async (work) =>
      await reads.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(work),
    migrating: async (work) =>
      await writes
        .transaction()
        .setIsolationLevel("read committed") // each statement sees what those before us have committed
        .execute(async (transaction) => {
          await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
          await work(transaction as unknown as Transaction<unknown>);
        }),
    async close() {
      await reads.destroy();
      await writes.destroy();
    },
  };
}

/** Whether a transaction lost to another one (serialization_failure, deadlock_detected) and may be tried again. */
function isLost(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "40001" || code === "40P01";
}

function open<Tables>(url: string, connections: number, options?: string): Kysely<Tables> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 5000,
    statement_timeout: QUIET,
    idle_in_transaction_session_timeout: QUIET,
    types: types as never,
    ...(options === undefined ? {} : { options }),
  });
  // a connection that breaks is told of by its next query; without listeners it would end the process
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: asKyselyExpects(pool, places(connections)) }) });
}

/** The pool with the store's errors; who waits for a place in it has not failed to connect, however long that takes. */
function asKyselyExpects(pool: pg.Pool, places: Places) {
  return {
    end: async () => await pool.end(),
    async connect() {
      await places.take();
      const client = await pool.connect().catch((cause) => {
        places.free();
        throw storeErrorOf(cause);
      });
      const query = async (text: string, parameters?: readonly unknown[]) => {
        try {
          return await client.query(text, parameters as unknown[]);
        } catch (cause) {
          throw storeErrorOf(cause);
        }
      };
      return {
        query: query as never,
        release: () => {
          client.release();
          places.free();
        },
      };
    },
  };
}
