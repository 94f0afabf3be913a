import { digestOf } from "@casemate/evidence";
import { type Selectable, sql } from "kysely";
import type { Principal, Resource } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Change, change } from "../../events/change.ts";
import { keyOf } from "../../models/names.ts";
import type { Registry } from "../../registry.ts";
import { conditionOf, orderOf } from "../search/conditions.ts";
import { parseFilter } from "../search/filter.ts";
import { parseOrderBy } from "../search/order-by.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import { experimentSearch } from "../search/searches.ts";
import type { MlflowTables } from "../tables.ts";
import { type Entry, setEntries } from "./entries.ts";

export type ExperimentRow = Selectable<MlflowTables["experiments"]>;
export type ViewType = "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL";

/** The experiment that runs belong to which name none. */
const DEFAULT = { id: 0, name: "Default" };

/** An experiment as the policies see it; `*` is about all of them. */
export function experimentResource({ tenant }: Principal, id: string | number): Resource {
  return { tenant, type: "Experiment", id: String(id) };
}

/** Those that could be ids of experiments; others are of none. */
export function experimentIds(ids: readonly string[]): readonly number[] {
  return ids.filter((id) => /^\d{1,15}$/.test(id)).map(Number);
}

/** An experiment by MLflow's id, deleted or not. Throws NOT_FOUND. */
export async function findExperiment(registry: Registry, tenant: string, id: string): Promise<ExperimentRow> {
  const [number] = experimentIds([id]);
  const row =
    number === undefined
      ? undefined
      : await registry.store.rows
          .selectFrom("experiments")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("id", "=", number)
          .executeTakeFirst();
  if (row !== undefined) return row;
  if (id === String(DEFAULT.id)) return await createDefault(registry, tenant);
  throw new RegistryError("NOT_FOUND", `No Experiment with id=${id.slice(0, 64)} exists`);
}

/** Throws NOT_FOUND. */
export async function findExperimentByName(registry: Registry, tenant: string, name: string): Promise<ExperimentRow> {
  const row = await registry.store.rows
    .selectFrom("experiments")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name", "=", name.normalize("NFC"))
    .executeTakeFirst();
  if (row !== undefined) return row;
  if (name === DEFAULT.name) return await createDefault(registry, tenant);
  throw new RegistryError("NOT_FOUND", `Could not find experiment with name '${name}'`);
}

async function createDefault(registry: Registry, tenant: string): Promise<ExperimentRow> {
  const at = registry.now();
  const row = {
    tenant,
    ...DEFAULT,
    name_key: keyOf(DEFAULT.name),
    author: "local",
    created_at: at,
    updated_at: at,
    deleted_at: null,
  };
  await registry.store.write((rows) =>
    rows
      .insertInto("experiments")
      .values(row)
      .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
      .execute(),
  );
  return row;
}

/** Makes an experiment; returns its id. Names are the same whatever their case. Throws INVALID, ALREADY_EXISTS. */
export async function createExperiment(
  registry: Registry,
  principal: Principal,
  { name: given, tags = [] }: { readonly name: string; readonly tags?: readonly Entry[] },
): Promise<string> {
  const name = experimentName(given);
  const { tenant } = principal;
  await findExperiment(registry, tenant, String(DEFAULT.id));
  return await change(registry, principal, async ({ rows, record }) => {
    await refuseTaken(rows, tenant, name);
    const last = await rows
      .selectFrom("experiments")
      .select(({ fn }) => fn.max("id").as("id"))
      .where("tenant", "=", tenant)
      .executeTakeFirst();
    const id = Number(last?.id ?? DEFAULT.id) + 1;
    const at = registry.now();
    await rows
      .insertInto("experiments")
      .values({
        tenant,
        id,
        name,
        name_key: keyOf(name),
        author: principal.id,
        created_at: at,
        updated_at: at,
        deleted_at: null,
      })
      .execute();
    await setEntries(rows, "experiment_tags", { tenant, experiment: id }, tags);
    await record({ action: "experiment:write", resource: `experiments/${id}`, after: digestOf({ name, tags }) });
    return String(id);
  });
}

/** Renames an experiment. Throws INVALID, ALREADY_EXISTS. */
export async function renameExperiment(
  registry: Registry,
  principal: Principal,
  row: ExperimentRow,
  given: string,
): Promise<void> {
  const name = experimentName(given);
  await changeExperiment(registry, principal, row, "experiment:write", async (rows) => {
    if (keyOf(name) !== row.name_key) await refuseTaken(rows, row.tenant, name);
    return { name, name_key: keyOf(name) };
  });
}

/** Hides an experiment with its runs, or shows it again. */
export async function deleteExperiment(
  registry: Registry,
  principal: Principal,
  row: ExperimentRow,
  isDeleted: boolean,
): Promise<void> {
  const deleted_at = isDeleted ? registry.now() : null;
  await changeExperiment(registry, principal, row, "experiment:delete", async (rows) => {
    await rows
      .updateTable("runs")
      .set({ deleted_at })
      .where("tenant", "=", row.tenant)
      .where("experiment", "=", row.id)
      .execute();
    return { deleted_at };
  });
}

/** Sets a tag of an experiment, or takes it away where `value` is undefined. */
export async function tagExperiment(
  registry: Registry,
  principal: Principal,
  row: ExperimentRow,
  key: string,
  value: string | undefined,
): Promise<void> {
  await changeExperiment(registry, principal, row, "experiment:write", async (rows) => {
    await setEntries(rows, "experiment_tags", { tenant: row.tenant, experiment: row.id }, [{ key, value }]);
    return {};
  });
}

async function changeExperiment(
  registry: Registry,
  principal: Principal,
  { tenant, id, name, deleted_at }: ExperimentRow,
  action: "experiment:write" | "experiment:delete",
  work: (rows: Change["rows"]) => Promise<Partial<ExperimentRow>>,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    const set = await work(rows);
    await rows
      .updateTable("experiments")
      .set({ ...set, updated_at: registry.now() })
      .where("tenant", "=", tenant)
      .where("id", "=", id)
      .execute();
    await record({
      action,
      resource: `experiments/${id}`,
      before: digestOf({ name, deleted_at }),
      after: digestOf({ name, deleted_at, ...set }),
    });
  });
}

/** One page of experiments, each as MLflow shows it. */
export async function searchExperiments(
  registry: Registry,
  { tenant }: Principal,
  asked: {
    readonly filter?: string;
    readonly order_by?: readonly string[];
    readonly view_type?: ViewType;
    readonly max_results?: number;
    readonly page_token?: string;
  },
) {
  const { filter = "", order_by = [], view_type = "ACTIVE_ONLY", max_results = 1000, page_token } = asked;
  await findExperiment(registry, tenant, String(DEFAULT.id));
  const { rows, dialect } = registry.store;
  const offset = offsetOf(page_token);
  const conditions = parseFilter(filter, experimentSearch).map((clause) =>
    conditionOf(clause, experimentSearch, { dialect, tenant }),
  );
  const orderings = parseOrderBy(order_by, experimentSearch);
  let query = rows.selectFrom("experiments as e").selectAll("e").where("e.tenant", "=", tenant);
  for (const condition of [...conditions, ...lifecycleOf("e", view_type)]) query = query.where(condition);
  for (const each of orderings.flatMap((ordering) => orderOf(ordering, experimentSearch))) query = query.orderBy(each);
  if (orderings.length === 0) query = query.orderBy("e.updated_at", "desc");
  const found = await query
    .orderBy("e.id", "desc")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { experiments: await Promise.all(page.map((row) => describeExperiment(registry, row))), ...next };
}

/** What of active and deleted rows is wanted. */
export function lifecycleOf(table: string, view: ViewType) {
  const column = sql.ref(`${table}.deleted_at`);
  if (view === "ALL") return [];
  return [view === "ACTIVE_ONLY" ? sql<boolean>`${column} is null` : sql<boolean>`${column} is not null`];
}

/** MLflow's Experiment. */
export async function describeExperiment({ store }: Registry, row: ExperimentRow) {
  const tags = await store.rows
    .selectFrom("experiment_tags")
    .select(["key", "value"])
    .where("tenant", "=", row.tenant)
    .where("experiment", "=", row.id)
    .orderBy("key")
    .execute();
  return {
    experiment_id: String(row.id),
    name: row.name,
    artifact_location: `mlflow-artifacts:/${row.id}`,
    lifecycle_stage: row.deleted_at === null ? "active" : "deleted",
    creation_time: row.created_at,
    last_update_time: row.updated_at,
    ...(tags.length > 0 ? { tags } : {}),
  };
}

function experimentName(given: string): string {
  const name = given.normalize("NFC");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (name.trim() === "" || name.length > 500 || /[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(name))
    throw new RegistryError(
      "INVALID",
      `Invalid experiment name: expected up to 500 characters, got ${JSON.stringify(given.slice(0, 100))}`,
    );
  return name;
}

async function refuseTaken(rows: Change["rows"], tenant: string, name: string): Promise<void> {
  const other = await rows
    .selectFrom("experiments")
    .select(["name", "deleted_at"])
    .where("tenant", "=", tenant)
    .where("name_key", "=", keyOf(name))
    .executeTakeFirst();
  if (other !== undefined)
    throw new RegistryError(
      "ALREADY_EXISTS",
      `Experiment(name=${other.name}) already exists${other.deleted_at === null ? "" : " in deleted state; restore it"}.`,
    );
}
