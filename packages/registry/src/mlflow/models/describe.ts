import { type RawBuilder, sql } from "kysely";
import type { ModelRow } from "../../models/models.ts";
import type { VersionRow } from "../../models/version-rows.ts";
import type { Registry } from "../../registry.ts";
import type { VersionState } from "../../tables/tables.ts";

export const stages = ["None", "Staging", "Production", "Archived"] as const;
export type Stage = (typeof stages)[number];

/** MLflow's word for each state: only what is ready may be loaded. */
const statuses: Readonly<Record<VersionState, string>> = {
  pending: "PENDING_REGISTRATION",
  ready: "READY",
  failed: "FAILED_REGISTRATION",
  quarantined: "FAILED_REGISTRATION",
  retired: "READY",
  deleted: "FAILED_REGISTRATION",
};

const CHUNK = 500;

/** A version by model and number. */
interface Key {
  readonly model: string;
  readonly version: number;
}

/** MLflow's ModelVersion for each row. Its stage is where it is released: nobody sets that but by a promotion. */
export async function describeVersions({ store: { rows } }: Registry, tenant: string, versions: readonly VersionRow[]) {
  const tags = new Map<string, { key: string; value: string }[]>();
  const aliases = new Map<string, string[]>();
  const stageOf = new Map<string, Stage>();
  for (let start = 0; start < versions.length; start += CHUNK) {
    const among = listed(versions.slice(start, start + CHUNK));
    const [tagRows, aliasRows, archivedRows, releaseRows] = await Promise.all([
      rows
        .selectFrom(among)
        .crossJoin("version_tags as t")
        .selectAll("t")
        .whereRef("t.model", "=", "w.column1")
        .whereRef("t.version", "=", "w.column2")
        .where("t.tenant", "=", tenant)
        .execute(),
      rows
        .selectFrom(among)
        .crossJoin("aliases as t")
        .selectAll("t")
        .whereRef("t.model", "=", "w.column1")
        .whereRef("t.version", "=", "w.column2")
        .where("t.tenant", "=", tenant)
        .execute(),
      rows
        .selectFrom(among)
        .crossJoin("archived_versions as t")
        .selectAll("t")
        .whereRef("t.model", "=", "w.column1")
        .whereRef("t.version", "=", "w.column2")
        .where("t.tenant", "=", tenant)
        .execute(),
      rows
        .selectFrom(among)
        .crossJoin("releases as t")
        .selectAll("t")
        .whereRef("t.model", "=", "w.column1")
        .whereRef("t.version", "=", "w.column2")
        .where("t.tenant", "=", tenant)
        .execute(),
    ]);
    for (const { key, value, ...of } of tagRows) add(tags, keyOf(of), { key, value });
    for (const { alias, ...of } of aliasRows) add(aliases, keyOf(of), alias);
    for (const of of archivedRows) stageOf.set(keyOf(of), "Archived");
    for (const { environment, ...of } of releaseRows)
      if (environment === "production") stageOf.set(keyOf(of), "Production");
      else if (environment === "staging" && stageOf.get(keyOf(of)) !== "Production") stageOf.set(keyOf(of), "Staging");
  }
  return versions.map((row) => {
    const told = tags.get(keyOf(row));
    const pointing = aliases.get(keyOf(row));
    return {
      name: row.model,
      version: String(row.version),
      creation_timestamp: row.created_at,
      last_updated_timestamp: row.updated_at,
      user_id: row.author,
      current_stage: stageOf.get(keyOf(row)) ?? "None",
      description: row.description,
      source: row.source,
      run_id: row.run_id ?? "",
      run_link: "", // taken, not kept: a link to elsewhere proves nothing
      status: statuses[row.state],
      ...(row.state_reason === "" ? {} : { status_message: row.state_reason }),
      ...(told === undefined ? {} : { tags: told.sort((a, b) => (a.key < b.key ? -1 : 1)) }),
      ...(pointing === undefined ? {} : { aliases: pointing.sort() }),
      ...modelIdOf(row.source),
    };
  });
}

function modelIdOf(source: string) {
  const [, model_id] = /^models:\/(m-[0-9a-f]{32})$/.exec(source) ?? [];
  return model_id === undefined ? {} : { model_id };
}

/** The newest version in each stage, of each of some models. */
export async function latestVersions(
  { store: { rows } }: Registry,
  tenant: string,
  models: readonly string[],
): Promise<readonly VersionRow[]> {
  if (models.length === 0) return [];
  const found: Key[] = [];
  for (let start = 0; start < models.length; start += CHUNK) {
    const some = models.slice(start, start + CHUNK);
    // by the primary key from its end, so that the number of versions makes no difference
    const newest = (condition: RawBuilder<unknown>) => sql<number | null>`(select v.version from versions as v
      where v.tenant = m.tenant and v.model = m.name and v.state <> 'deleted' and ${condition} order by v.version desc limit 1)`;
    const isReleased = sql`exists (select 1 from releases as r
      where r.tenant = v.tenant and r.model = v.model and r.version = v.version and r.environment in ('staging', 'production'))`;
    const isArchived = sql`exists (select 1 from archived_versions as a
      where a.tenant = v.tenant and a.model = v.model and a.version = v.version)`;
    const unreleased = await rows
      .selectFrom("models as m")
      .select("m.name")
      .select([
        newest(sql`not ${isReleased} and not ${isArchived}`).as("plain"),
        sql<
          number | null
        >`(select max(a.version) from archived_versions as a where a.tenant = m.tenant and a.model = m.name)`.as(
          "archived",
        ),
      ])
      .where("m.tenant", "=", tenant)
      .where("m.name", "in", some)
      .execute();
    const released = await rows
      .selectFrom("releases")
      .select(["model", "version"])
      .where("tenant", "=", tenant)
      .where("model", "in", some)
      .where("environment", "in", ["staging", "production"])
      .execute();
    for (const { name, plain, archived } of unreleased)
      for (const version of [plain, archived]) if (version !== null) found.push({ model: name, version });
    found.push(...released);
  }
  if (found.length === 0) return [];
  const wanted: VersionRow[] = [];
  for (let start = 0; start < found.length; start += CHUNK)
    wanted.push(
      ...(await rows
        .selectFrom(listed(found.slice(start, start + CHUNK)))
        .crossJoin("versions as t")
        .selectAll("t")
        .whereRef("t.model", "=", "w.column1")
        .whereRef("t.version", "=", "w.column2")
        .where("t.tenant", "=", tenant)
        .where("t.state", "!=", "deleted")
        .execute()),
    );
  return wanted.sort((a, b) => a.version - b.version);
}

/** MLflow's RegisteredModel for each row. */
export async function describeModels(registry: Registry, tenant: string, models: readonly ModelRow[]) {
  const { rows } = registry.store;
  const names = models.map(({ name }) => name);
  const tags = new Map<string, { key: string; value: string }[]>();
  const aliases = new Map<string, { alias: string; version: string }[]>();
  const latest = new Map<string, Awaited<ReturnType<typeof describeVersions>>>();
  for (let start = 0; start < names.length; start += CHUNK) {
    const some = names.slice(start, start + CHUNK);
    const tagRows = await rows
      .selectFrom("model_tags")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("model", "in", some)
      .orderBy("key")
      .execute();
    const aliasRows = await rows
      .selectFrom("aliases")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("model", "in", some)
      .orderBy("alias")
      .execute();
    for (const { model, key, value } of tagRows) add(tags, model, { key, value });
    for (const { model, alias, version } of aliasRows) add(aliases, model, { alias, version: String(version) });
  }
  for (const version of await describeVersions(registry, tenant, await latestVersions(registry, tenant, names)))
    add(latest, version.name, version);
  return models.map((row) => {
    const told = tags.get(row.name);
    const named = aliases.get(row.name);
    const versions = latest.get(row.name);
    return {
      name: row.name,
      creation_timestamp: row.created_at,
      last_updated_timestamp: row.updated_at,
      user_id: row.author,
      ...(row.description === "" ? {} : { description: row.description }),
      ...(versions === undefined ? {} : { latest_versions: versions }),
      ...(told === undefined ? {} : { tags: told }),
      ...(named === undefined ? {} : { aliases: named }),
    };
  });
}

/**
 * Versions as a table, each of which is one look into the index of another: after CROSS JOIN, SQLite goes through this one first. What
 * is found is sorted here, since for an ORDER BY it may read a whole index instead.
 */
function listed(versions: readonly Key[]) {
  const pairs = versions.map(({ model, version }) => sql`(cast(${model} as text), cast(${version} as bigint))`);
  return sql<{ column1: string; column2: number }>`(values ${sql.join(pairs)})`.as("w");
}

function keyOf({ model, version }: Key): string {
  return `${version} ${model}`;
}

function add<T>(groups: Map<string, T[]>, key: string, value: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
