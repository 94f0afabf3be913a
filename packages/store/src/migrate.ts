import { createHash } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { StoreError } from "./errors.ts";
import type { Dialect, Migration } from "./store.ts";

/**
 * Brings the tables forward, within one transaction that holds off every other process. Throws NEWER_SCHEMA where the tables are of a
 * later version than this code, MIGRATION_FAILED where migrations were changed after they ran, or one fails.
 */
export async function migrate(
  rows: Transaction<unknown>,
  dialect: Dialect,
  migrations: readonly Migration[],
  now: () => number,
): Promise<void> {
  await sql`create table if not exists migrations (name text primary key, sha256 text not null, at bigint not null)`.execute(
    rows,
  );
  const done = new Map(
    (await sql<{ name: string; sha256: string }>`select name, sha256 from migrations`.execute(rows)).rows.map(
      ({ name, sha256 }) => [name, sha256],
    ),
  );
  const steps = [...migrations]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sql: { [dialect]: statements } }) => ({
      name,
      statements,
      sha256: createHash("sha256").update(statements.join(";\n")).digest("hex"),
    }));
  refuseNewer(done, steps);
  refuseChanged(done, steps);
  for (const { name, statements, sha256 } of steps) {
    if (done.has(name)) continue;
    try {
      for (const statement of statements) await sql.raw(statement).execute(rows);
    } catch (cause) {
      if (cause instanceof StoreError) throw cause; // the disk or the server, not the step
      throw new StoreError("MIGRATION_FAILED", `migration ${name}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
    await sql`insert into migrations (name, sha256, at) values (${name}, ${sha256}, ${now()})`.execute(rows);
  }
}

function refuseNewer(done: ReadonlyMap<string, string>, steps: readonly { readonly name: string }[]): void {
  const known = new Set(steps.map(({ name }) => name));
  const newer = [...done.keys()].filter((name) => !known.has(name));
  if (newer.length > 0)
    throw new StoreError(
      "NEWER_SCHEMA",
      `the database has ${newer.sort().join(", ")}, which this version does not know; use the version that made it`,
    );
}

function refuseChanged(
  done: ReadonlyMap<string, string>,
  steps: readonly { readonly name: string; readonly sha256: string }[],
): void {
  const changed = steps.flatMap(({ name, sha256 }) => {
    const before = done.get(name) ?? sha256;
    return before === sha256 ? [] : [`${name} (${before.slice(0, 12)}…, now ${sha256.slice(0, 12)}…)`];
  });
  if (changed.length > 0)
    throw new StoreError("MIGRATION_FAILED", `not the migrations that ran on this database: ${changed.join(", ")}`);
}
