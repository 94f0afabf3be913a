import { createHash } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { StoreError } from "./errors.ts";
import type { Dialect, Migration } from "./store.ts";

/**
 * Brings the tables forward, within one transaction that holds off every other process. Throws NEWER_SCHEMA where the tables are of a
 * later version than this code, MIGRATION_FAILED where a migration was changed after it ran, or fails.
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
  const known = new Set(migrations.map(({ name }) => name));
  const newer = [...done.keys()].filter((name) => !known.has(name));
  if (newer.length > 0)
    throw new StoreError(
      "NEWER_SCHEMA",
      `the database has ${newer.sort().join(", ")}, which this version does not know; use the version that made it`,
    );
  for (const { name, sql: statements } of [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const sha256 = createHash("sha256").update(statements[dialect].join(";\n")).digest("hex");
    const before = done.get(name);
    if (before !== undefined && before !== sha256)
      throw new StoreError(
        "MIGRATION_FAILED",
        `migration ${name} is not the one that ran on this database (${before.slice(0, 12)}…, now ${sha256.slice(0, 12)}…)`,
      );
    if (before !== undefined) continue;
    try {
      for (const statement of statements[dialect]) await sql.raw(statement).execute(rows);
    } catch (cause) {
      throw new StoreError("MIGRATION_FAILED", `migration ${name}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
    await sql`insert into migrations (name, sha256, at) values (${name}, ${sha256}, ${now()})`.execute(rows);
  }
}
