import { digestOf } from "@casemate/evidence";
import { type Selectable, sql } from "kysely";
import type { Principal } from "../access/principal.ts";
import { modelsFor } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { matching } from "./matching.ts";
import { keyOf, nameOf } from "./names.ts";

export type ModelRow = Selectable<Tables["models"]>;

/** A registered model, as it is shown. */
export interface ModelView {
  readonly name: string;
  readonly description: string;
  readonly author: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly revision: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly aliases: Readonly<Record<string, number>>;
  readonly latestVersion: number | null;
}

/** Makes a model; one that was deleted comes back, its numbers going on. Throws INVALID, ALREADY_EXISTS. */
export async function createModel(
  registry: Registry,
  principal: Principal,
  {
    name: given,
    description = "",
    tags = {},
  }: { readonly name: string; readonly description?: string; readonly tags?: Readonly<Record<string, string>> },
): Promise<ModelView> {
  const name = nameOf("name", given);
  await change(registry, principal, async ({ rows, record }) => {
    const { tenant } = principal;
    const existing = await rows
      .selectFrom("models")
      .select(["name", "deleted_at"])
      .where("tenant", "=", tenant)
      .where("name_key", "=", keyOf(name))
      .executeTakeFirst();
    if (existing !== undefined && (existing.deleted_at === null || existing.name !== name)) {
      const alike = existing.name === name ? "" : `, whose name reads like ${JSON.stringify(name)}`;
      throw new RegistryError("ALREADY_EXISTS", `there is a model ${JSON.stringify(existing.name)} already${alike}`);
    }
    const at = registry.now();
    const row = { description, author: principal.id, created_at: at, updated_at: at, deleted_at: null };
    if (existing === undefined) {
      await rows
        .insertInto("models")
        .values({ tenant, name, name_key: keyOf(name), ...row, revision: 1, next_version: 1 })
        .execute();
    } else {
      await rows
        .updateTable("models")
        .set((set) => ({ ...row, revision: set("revision", "+", 1) }))
        .where("tenant", "=", tenant)
        .where("name", "=", name)
        .execute();
    }
    for (const [key, value] of Object.entries(tags))
      await rows.insertInto("model_tags").values({ tenant, model: name, key, value }).execute();
    await record({ action: "model:create", resource: `models/${name}`, after: digestOf({ name, description, tags }) });
  });
  return await getModel(registry, principal.tenant, name);
}

/** Throws NOT_FOUND. */
export async function getModel({ store }: Registry, tenant: string, name: string): Promise<ModelView> {
  const row = await findModel(store.rows, tenant, name);
  return (await viewsOf(store.rows, tenant, [row]))[0]!;
}

/** Models as they are shown, in the order of their rows: three queries for all of them. */
async function viewsOf(
  rows: Registry["store"]["rows"],
  tenant: string,
  models: readonly ModelRow[],
): Promise<readonly ModelView[]> {
  if (models.length === 0) return [];
  const names = models.map(({ name }) => name);
  const [tags, aliases, latest] = await Promise.all([
    rows.selectFrom("model_tags").selectAll().where("tenant", "=", tenant).where("model", "in", names).execute(),
    rows.selectFrom("aliases").selectAll().where("tenant", "=", tenant).where("model", "in", names).execute(),
    rows
      .selectFrom("versions")
      .select(({ fn }) => ["model", fn.max("version").as("version")])
      .where("tenant", "=", tenant)
      .where("model", "in", names)
      .where("state", "!=", "deleted")
      .groupBy("model")
      .execute(),
  ]);
  const [tagsOf, aliasesOf, latestOf] = [byModel(tags), byModel(aliases), byModel(latest)];
  return models.map((row) => ({
    name: row.name,
    description: row.description,
    author: row.author,
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
    revision: row.revision,
    tags: Object.fromEntries((tagsOf.get(row.name) ?? []).map(({ key, value }) => [key, value])),
    aliases: Object.fromEntries((aliasesOf.get(row.name) ?? []).map(({ alias, version }) => [alias, version])),
    latestVersion: latestOf.get(row.name)?.[0]?.version ?? null,
  }));
}

function byModel<T extends { readonly model: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(row.model, [...(groups.get(row.model) ?? []), row]);
  return groups;
}

/** The models that somebody may read, in order of name, from after `after`. */
export async function listModels(
  { store }: Registry,
  principal: Principal,
  {
    after = "",
    limit = 100,
    contains,
  }: { readonly after?: string; readonly limit?: number; readonly contains?: string } = {},
): Promise<readonly ModelView[]> {
  const patterns = modelsFor(principal, "model:read");
  const found = await store.rows
    .selectFrom("models")
    .selectAll()
    .where("tenant", "=", principal.tenant)
    .where("deleted_at", "is", null)
    .where("name", ">", after)
    .where(({ eb, or }) => or(patterns.map((pattern) => matching(eb, "name", pattern))))
    .$if(contains !== undefined, (query) =>
      query.where(sql<boolean>`name_key like ${containing(keyOf(contains!))} escape '!'`),
    )
    .orderBy("name")
    .limit(limit)
    .execute();
  return await viewsOf(store.rows, principal.tenant, found);
}

/** A pattern of LIKE for whatever has a text in it. */
function containing(text: string): string {
  return `%${text.replaceAll(/[!%_]/g, "!$&")}%`;
}

/** Changes the description. Throws NOT_FOUND, and PRECONDITION_FAILED where `revision` is not the present one. */
export async function updateModel(
  registry: Registry,
  principal: Principal,
  name: string,
  { description, revision }: { readonly description: string; readonly revision?: number },
): Promise<ModelView> {
  await change(registry, principal, async (each) => {
    const before = await touchModel(each, registry, principal, name, revision);
    await each.rows
      .updateTable("models")
      .set({ description })
      .where("tenant", "=", principal.tenant)
      .where("name", "=", before.name)
      .execute();
    await each.record({
      action: "model:update",
      resource: `models/${before.name}`,
      before: digestOf({ description: before.description }),
      after: digestOf({ description }),
    });
  });
  return await getModel(registry, principal.tenant, name);
}

/** Sets a tag, or takes it away where `value` is undefined. */
export async function tagModel(
  registry: Registry,
  principal: Principal,
  name: string,
  key: string,
  value: string | undefined,
): Promise<void> {
  await change(registry, principal, async (each) => {
    const { tenant } = principal;
    const model = (await touchModel(each, registry, principal, name)).name;
    const at = { tenant, model, key };
    await each.rows
      .deleteFrom("model_tags")
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .where("key", "=", key)
      .execute();
    if (value !== undefined)
      await each.rows
        .insertInto("model_tags")
        .values({ ...at, value })
        .execute();
    await each.record({
      action: "model:update",
      resource: `models/${model}`,
      details: { tag: key },
      ...(value === undefined ? {} : { after: digestOf(value) }),
    });
  });
}

/** Deletes a model that no environment serves, with all versions; tombstones stay. Throws NOT_FOUND, CONFLICT. */
export async function deleteModel(registry: Registry, principal: Principal, name: string): Promise<void> {
  await change(registry, principal, async (each) => {
    const { tenant } = principal;
    const { rows, record } = each;
    const { name: model } = await touchModel(each, registry, principal, name);
    const release = await rows
      .selectFrom("releases")
      .select("environment")
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .executeTakeFirst();
    if (release !== undefined)
      throw new RegistryError("CONFLICT", `${model} is released in ${release.environment}; revoke that first`);
    const at = registry.now();
    await rows
      .updateTable("models")
      .set({ deleted_at: at })
      .where("tenant", "=", tenant)
      .where("name", "=", model)
      .execute();
    await rows
      .updateTable("versions")
      .set({ state: "deleted", state_reason: "its model was deleted", updated_at: at })
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .execute();
    await rows.deleteFrom("aliases").where("tenant", "=", tenant).where("model", "=", model).execute();
    await rows.deleteFrom("model_tags").where("tenant", "=", tenant).where("model", "=", model).execute();
    await record({ action: "model:delete", resource: `models/${model}` });
  });
}

/** A live model's row. Throws NOT_FOUND. */
export async function findModel(
  rows: Pick<Change["rows"], "selectFrom">,
  tenant: string,
  name: string,
): Promise<ModelRow> {
  const row = await rows
    .selectFrom("models")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name", "=", name.normalize("NFC"))
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no model ${JSON.stringify(name)}`);
  return row;
}

/** Counts a change of a model; returns the row as it was. Throws NOT_FOUND, PRECONDITION_FAILED. */
export async function touchModel(
  { rows }: Change,
  { now }: Registry,
  { tenant }: Principal,
  name: string,
  revision?: number,
): Promise<ModelRow> {
  const row = await findModel(rows, tenant, name);
  if (revision !== undefined && revision !== row.revision)
    throw new RegistryError("PRECONDITION_FAILED", `${row.name} is at revision ${row.revision}, not ${revision}`);
  await rows
    .updateTable("models")
    .set({ revision: row.revision + 1, updated_at: now() })
    .where("tenant", "=", tenant)
    .where("name", "=", row.name)
    .execute();
  return row;
}
