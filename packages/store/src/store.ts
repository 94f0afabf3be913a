import type { Kysely, Transaction } from "kysely";
import type { Blobs } from "./blobs.ts";

/** Where rows live decides only what SQL a migration writes. */
export type Dialect = "sqlite" | "postgres";

/** One step forward; never changed once released, since its SHA-256 is kept and compared. */
export interface Migration {
  /** `0001-models`; sorted by name. */
  readonly name: string;
  /** Statements for each home, run in one transaction. */
  readonly sql: Readonly<Record<Dialect, readonly string[]>>;
}

/** Rows and blobs behind one interface; `Tables` is Kysely's description of the tables. */
export interface Store<Tables> {
  readonly dialect: Dialect;
  /** For reads, and only for them: the database refuses anything else. */
  readonly rows: Kysely<Tables>;
  readonly blobs: Blobs;
  /**
   * Runs `work` in a serialisable transaction: alone on SQLite (BEGIN IMMEDIATE), retried on PostgreSQL when it loses to another
   * (so `work` may run more than once and touches nothing but rows). What it returns is durable when the promise resolves.
   */
  write<T>(work: (rows: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Runs `work` on a connection of its own, whose reads all see the same moment, while others go on writing. */
  snapshot<T>(work: (rows: Transaction<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What either home of rows gives. */
export interface Rows<Tables> {
  readonly reads: Kysely<Tables>;
  readonly write: Store<Tables>["write"];
  readonly snapshot: Store<Tables>["snapshot"];
  /** One transaction, alone among those that migrate in any process. */
  readonly migrating: (work: (rows: Transaction<unknown>) => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
}
