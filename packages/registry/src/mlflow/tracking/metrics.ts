import { createHash } from "node:crypto";
import type { Dialect } from "@casemate/store";
import { CompiledQuery, type Selectable } from "kysely";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Change, change } from "../../events/change.ts";
import type { Registry } from "../../registry.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import type { MlflowTables } from "../tables.ts";
import type { Entry } from "./entries.ts";
import { type RunRow, requireActive, resourceOf, tagRun } from "./runs.ts";

/** A metric as MLflow sends it. */
export interface GivenMetric {
  readonly key: string;
  readonly value: number | string;
  readonly timestamp: number;
  readonly step?: number;
  readonly model_id?: string;
  readonly dataset_name?: string;
  readonly dataset_digest?: string;
}

/** What a run measured, in one go. */
export interface Batch {
  readonly metrics?: readonly GivenMetric[];
  readonly params?: readonly { readonly key: string; readonly value: string }[];
  readonly tags?: readonly Entry[];
}

type MetricRow = Omit<Selectable<MlflowTables["metrics"]>, "tenant" | "run">;

/**
 * Adds metrics, parameters and tags to a run, all or none. A metric that is there already is not there twice. Throws INVALID for a
 * run that was deleted and for a parameter that has another value already.
 */
export async function logBatch(registry: Registry, principal: Principal, run: RunRow, batch: Batch): Promise<void> {
  requireActive(run);
  const { metrics = [], params = [], tags = [] } = batch;
  if (metrics.length + params.length + tags.length === 0) return;
  const owner = { tenant: run.tenant, run: run.id };
  const after = createHash("sha256").update(JSON.stringify({ metrics, params, tags })).digest("hex");
  const { dialect } = registry.store;
  await change(registry, principal, async ({ rows, record }) => {
    await insertParams(rows, run, params);
    if (metrics.length > 0) await insertMetrics(rows, dialect, owner, metrics);
    if (tags.length > 0) await tagRun(rows, run, tags);
    await record({
      action: "experiment:write",
      resource: resourceOf(run),
      after,
      details: { metrics: metrics.length, params: params.length, tags: tags.length },
    });
  });
}

async function insertParams(
  rows: Change["rows"],
  { tenant, id }: RunRow,
  params: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  if (params.length === 0) return;
  const wanted = new Map<string, string>();
  for (const { key, value } of params) {
    if ((wanted.get(key) ?? value) !== value) throw changed(key, wanted.get(key)!, value, id);
    wanted.set(key, value);
  }
  const existing = await rows
    .selectFrom("params")
    .select(["key", "value"])
    .where("tenant", "=", tenant)
    .where("run", "=", id)
    .where("key", "in", [...wanted.keys()])
    .execute();
  for (const { key, value } of existing) {
    if (wanted.get(key) !== value) throw changed(key, value, wanted.get(key)!, id);
    wanted.delete(key);
  }
  if (wanted.size > 0)
    await rows
      .insertInto("params")
      .values([...wanted].map(([key, value]) => ({ tenant, run: id, key, value })))
      .execute();
}

function changed(key: string, before: string, after: string, run: string): RegistryError {
  return new RegistryError(
    "INVALID",
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${before.slice(0, 200)}' for run ID='${run}'. Attempted logging new value '${after.slice(0, 200)}'.`,
  );
}

/** Whether one measurement is later than another; of two at the same time, the larger is. */
function isLater(a: MetricRow, b: MetricRow): boolean {
  return a.step !== b.step ? a.step > b.step : a.at !== b.at ? a.at > b.at : a.value > b.value;
}

async function insertMetrics(
  rows: Change["rows"],
  dialect: Dialect,
  owner: { readonly tenant: string; readonly run: string },
  metrics: readonly GivenMetric[],
): Promise<void> {
  const all = metrics.map(rowOf);
  const latest = new Map<string, MetricRow>();
  for (const row of all) {
    const other = latest.get(row.key);
    if (other === undefined || isLater(row, other)) latest.set(row.key, row);
  }
  await rows.executeQuery(insertion(dialect, "metrics", owner, all, "do nothing"));
  await rows.executeQuery(
    insertion(
      dialect,
      "latest_metrics",
      owner,
      [...latest.values()],
      `(tenant, run, key) do update
      set step = excluded.step, at = excluded.at, value = excluded.value, is_nan = excluded.is_nan
      where (excluded.step, excluded.at, excluded.value) >= (latest_metrics.step, latest_metrics.at, latest_metrics.value)`,
    ),
  );
  const ofModels = metrics.filter(({ model_id }) => model_id !== undefined);
  if (ofModels.length === 0) return;
  await rows
    .insertInto("logged_model_metrics")
    .values(
      ofModels.map((metric) => ({
        ...owner,
        ...rowOf(metric),
        model: metric.model_id!,
        dataset_name: metric.dataset_name ?? "",
        dataset_digest: metric.dataset_digest ?? "",
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const columns = { key: "text", step: "bigint", at: "bigint", value: "double precision", is_nan: "bigint" } as const;
const names = Object.keys(columns) as readonly (keyof typeof columns)[];

/** An INSERT of a thousand rows is text and parameters; building it of a node for each value would take longer than the database does. */
function insertion(
  dialect: Dialect,
  table: "metrics" | "latest_metrics",
  { tenant, run }: { readonly tenant: string; readonly run: string },
  rows: readonly MetricRow[],
  onConflict: string,
): CompiledQuery {
  const placeholder = (index: number) => (dialect === "sqlite" ? "?" : `$${index + 1}`);
  const tuples = rows.map((_, row) => {
    const own = names.map((name, offset) => {
      const given = placeholder(2 + row * names.length + offset);
      return dialect === "postgres" && row === 0 ? `cast(${given} as ${columns[name]})` : given;
    });
    return `(${own.join(",")})`;
  });
  const selected = [placeholder(0), placeholder(1), ...names.map((_, index) => `column${index + 1}`)];
  return CompiledQuery.raw(
    `insert into ${table} (tenant, run, ${names.join(", ")})
    select ${selected.join(", ")} from (values ${tuples.join(",")}) as given where true on conflict ${onConflict}`,
    [tenant, run, ...rows.flatMap((row) => names.map((name) => row[name]))],
  );
}

function rowOf({ key, value, timestamp, step = 0 }: GivenMetric): MetricRow {
  const number = Number(value);
  const isNan = Number.isNaN(number);
  const kept = isNan ? 0 : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, number));
  return { key, step, at: timestamp, value: kept, is_nan: isNan ? 1 : 0 };
}

/** MLflow's Metric. */
export function metricOf({
  key,
  value,
  at,
  step,
  is_nan,
}: Pick<MetricRow, "key" | "value" | "at" | "step" | "is_nan">) {
  return { key, value: is_nan === 1 ? "NaN" : value, timestamp: at, step };
}

/** One page of all values of a metric, by step and time. */
export async function metricHistory(
  { store }: Registry,
  { tenant, id }: RunRow,
  key: string,
  { max_results = 25_000, page_token }: { readonly max_results?: number; readonly page_token?: string },
) {
  const offset = offsetOf(page_token);
  const found = await store.rows
    .selectFrom("metrics")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("run", "=", id)
    .where("key", "=", key)
    .orderBy("step")
    .orderBy("at")
    .orderBy("value")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { metrics: page.map(metricOf), ...next };
}

/** Values of a metric in several runs, at no more than `limit` steps of each, the first and the last among them. */
export async function sampleMetric(
  { store }: Registry,
  runs: readonly RunRow[],
  key: string,
  {
    start = Number.MIN_SAFE_INTEGER,
    end = Number.MAX_SAFE_INTEGER,
    limit = 320,
  }: { readonly start?: number; readonly end?: number; readonly limit?: number },
) {
  const sampled = [];
  for (const { tenant, id } of runs) {
    const within = store.rows
      .selectFrom("metrics")
      .where("tenant", "=", tenant)
      .where("run", "=", id)
      .where("key", "=", key)
      .where("step", ">=", start)
      .where("step", "<=", end);
    const steps = (await within.select("step").distinct().orderBy("step").execute()).map(({ step }) => step);
    const stride = steps.length <= limit ? 1 : (steps.length - 1) / (limit - 1);
    const wanted = new Set(
      Array.from({ length: Math.min(steps.length, limit) }, (_, index) => steps[Math.round(index * stride)]!),
    );
    const values = await within.selectAll().orderBy("step").orderBy("at").execute();
    sampled.push(...values.filter(({ step }) => wanted.has(step)).map((row) => ({ ...metricOf(row), run_id: id })));
  }
  return sampled;
}
