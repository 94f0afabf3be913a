import { digestOf } from "@casemate/evidence";
import { type Selectable, sql } from "kysely";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Change, change } from "../../events/change.ts";
import type { Registry } from "../../registry.ts";
import { conditionOf, orderOf, type Searched } from "../search/conditions.ts";
import { parseFilter } from "../search/filter.ts";
import { parseOrderBy } from "../search/order-by.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import { loggedModelSearch } from "../search/searches.ts";
import type { MlflowTables } from "../tables.ts";
import { type Entry, setEntries } from "./entries.ts";
import type { ExperimentRow } from "./experiments.ts";
import { metricOf } from "./metrics.ts";

export type LoggedModelRow = Selectable<MlflowTables["logged_models"]>;
export const loggedModelStatuses = [
  "LOGGED_MODEL_PENDING",
  "LOGGED_MODEL_READY",
  "LOGGED_MODEL_UPLOAD_FAILED",
] as const;

/** A logged model that was not deleted. Throws NOT_FOUND. */
export async function findLoggedModel(
  rows: Pick<Change["rows"], "selectFrom">,
  tenant: string,
  id: string,
): Promise<LoggedModelRow> {
  const row = await rows
    .selectFrom("logged_models")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `Logged model with ID '${id.slice(0, 64)}' not found.`);
  return row;
}

/** Begins a logged model; its files come next. */
export async function createLoggedModel(
  registry: Registry,
  principal: Principal,
  experiment: ExperimentRow,
  given: {
    readonly name?: string;
    readonly model_type?: string;
    readonly source_run_id?: string;
    readonly params?: readonly Entry[];
    readonly tags?: readonly Entry[];
  },
): Promise<LoggedModelRow> {
  const { tenant } = principal;
  const { model_type = "", source_run_id = "", params = [], tags = [] } = given;
  const id = `m-${registry.randomBytes(16).toString("hex")}`;
  const at = registry.now();
  const row: LoggedModelRow = {
    tenant,
    id,
    experiment: experiment.id,
    name: given.name || `model-${id.slice(2, 10)}`,
    model_type,
    source_run: source_run_id,
    status: "LOGGED_MODEL_PENDING",
    status_message: "",
    created_at: at,
    updated_at: at,
    deleted_at: null,
  };
  await change(registry, principal, async ({ rows, record }) => {
    await rows.insertInto("logged_models").values(row).execute();
    await setEntries(rows, "logged_model_params", { tenant, model: id }, params);
    await setEntries(rows, "logged_model_tags", { tenant, model: id }, tags);
    await record({ action: "experiment:write", resource: resourceOf(row), after: digestOf({ ...row, params, tags }) });
  });
  return row;
}

/** Says that all files are there, or will not be; tags and parameters may be added later, too. */
export async function updateLoggedModel(
  registry: Registry,
  principal: Principal,
  row: LoggedModelRow,
  given: {
    readonly status?: string;
    readonly tags?: readonly Entry[];
    readonly params?: readonly Entry[];
    readonly isDeleted?: boolean;
  },
): Promise<void> {
  const { status = row.status, tags = [], params = [], isDeleted = false } = given;
  if (row.status === "LOGGED_MODEL_READY" && status !== row.status)
    throw new RegistryError("INVALID", `Logged model ${row.id} is ready; its status cannot change any more.`);
  const { tenant, id } = row;
  await change(registry, principal, async ({ rows, record }) => {
    const at = registry.now();
    await setEntries(rows, "logged_model_params", { tenant, model: id }, params);
    await setEntries(rows, "logged_model_tags", { tenant, model: id }, tags);
    await rows
      .updateTable("logged_models")
      .set({ status, updated_at: at, ...(isDeleted ? { deleted_at: at } : {}) })
      .where("tenant", "=", tenant)
      .where("id", "=", id)
      .execute();
    await record({
      action: isDeleted ? "experiment:delete" : "experiment:write",
      resource: resourceOf(row),
      before: digestOf({ status: row.status }),
      after: digestOf({ status, tags: tags.map(({ key, value = null }) => ({ key, value })), params, isDeleted }),
    });
  });
}

/** One page of logged models, each as MLflow shows it. */
export async function searchLoggedModels(
  registry: Registry,
  { tenant }: Principal,
  asked: {
    readonly experiment_ids: readonly number[];
    readonly filter?: string;
    readonly datasets?: readonly { readonly dataset_name: string; readonly dataset_digest?: string }[];
    readonly order_by?: readonly { readonly field_name: string; readonly ascending?: boolean }[];
    readonly max_results?: number;
    readonly page_token?: string;
  },
) {
  const { experiment_ids, filter = "", datasets = [], order_by = [], max_results = 50, page_token } = asked;
  const { rows, dialect } = registry.store;
  const searched = measuredOn(datasets);
  const offset = offsetOf(page_token);
  const clauses = parseFilter(filter, searched);
  const orderings = parseOrderBy(
    order_by.map(({ field_name, ascending = true }) => `${field_name} ${ascending ? "ASC" : "DESC"}`),
    searched,
  );
  if (experiment_ids.length === 0) return {};
  let query = rows
    .selectFrom("logged_models as l")
    .selectAll("l")
    .where("l.tenant", "=", tenant)
    .where("l.experiment", "in", experiment_ids)
    .where("l.deleted_at", "is", null);
  for (const clause of clauses) query = query.where(conditionOf(clause, searched, { dialect, tenant }));
  if (datasets.length > 0 && !clauses.some(({ entity }) => entity === "metric"))
    query = query.where(sql<boolean>`exists (select 1 ${searched.entries.metric!.from})`);
  for (const each of orderings.flatMap((ordering) => orderOf(ordering, searched))) query = query.orderBy(each);
  if (!orderings.some(({ key }) => key === "creation_timestamp")) query = query.orderBy("l.created_at", "desc");
  const found = await query
    .orderBy("l.id")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { models: await Promise.all(page.map((row) => describeLoggedModel(registry, row))), ...next };
}

/** The same search, where metrics count only if they were measured on one of some data sets. */
function measuredOn(
  datasets: readonly { readonly dataset_name: string; readonly dataset_digest?: string }[],
): Searched {
  if (datasets.length === 0) return loggedModelSearch;
  const metric = loggedModelSearch.entries.metric!;
  const any = datasets.map(({ dataset_name, dataset_digest }) =>
    dataset_digest === undefined
      ? sql`t.dataset_name = ${dataset_name}`
      : sql`(t.dataset_name = ${dataset_name} and t.dataset_digest = ${dataset_digest})`,
  );
  const from = sql`${metric.from} and (${sql.join(any, sql` or `)})`;
  return { ...loggedModelSearch, entries: { ...loggedModelSearch.entries, metric: { ...metric, from } } };
}

/** MLflow's LoggedModel. */
export async function describeLoggedModel({ store: { rows } }: Registry, row: LoggedModelRow) {
  const { tenant, id } = row;
  const [tags, params, metrics] = await Promise.all([
    rows
      .selectFrom("logged_model_tags")
      .select(["key", "value"])
      .where("tenant", "=", tenant)
      .where("model", "=", id)
      .orderBy("key")
      .execute(),
    rows
      .selectFrom("logged_model_params")
      .select(["key", "value"])
      .where("tenant", "=", tenant)
      .where("model", "=", id)
      .orderBy("key")
      .execute(),
    rows
      .selectFrom("logged_model_metrics")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("model", "=", id)
      .orderBy("key")
      .orderBy("step")
      .limit(1000)
      .execute(),
  ]);
  return {
    info: {
      model_id: id,
      experiment_id: String(row.experiment),
      name: row.name,
      creation_timestamp_ms: row.created_at,
      last_updated_timestamp_ms: row.updated_at,
      artifact_uri: `mlflow-artifacts:/${row.experiment}/models/${id}/artifacts`,
      status: row.status,
      model_type: row.model_type,
      source_run_id: row.source_run,
      ...(row.status_message === "" ? {} : { status_message: row.status_message }),
      ...(tags.length > 0 ? { tags } : {}),
    },
    data: {
      ...(params.length > 0 ? { params } : {}),
      ...(metrics.length > 0
        ? {
            metrics: metrics.map((metric) => ({
              ...metricOf(metric),
              model_id: id,
              run_id: metric.run,
              ...(metric.dataset_name === "" ? {} : { dataset_name: metric.dataset_name }),
              ...(metric.dataset_digest === "" ? {} : { dataset_digest: metric.dataset_digest }),
            })),
          }
        : {}),
    },
  };
}

function resourceOf({ experiment, id }: LoggedModelRow): string {
  return `experiments/${experiment}/models/${id}`;
}
