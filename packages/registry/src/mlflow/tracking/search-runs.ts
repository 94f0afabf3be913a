import type { Principal } from "../../access/principal.ts";
import type { Registry } from "../../registry.ts";
import { conditionOf, orderOf } from "../search/conditions.ts";
import { parseFilter } from "../search/filter.ts";
import { parseOrderBy } from "../search/order-by.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import { runSearch } from "../search/searches.ts";
import { lifecycleOf, type ViewType } from "./experiments.ts";
import { metricOf } from "./metrics.ts";
import type { RunRow } from "./runs.ts";

/** One page of runs, each as MLflow shows it. */
export async function searchRuns(
  registry: Registry,
  { tenant }: Principal,
  asked: {
    readonly experiment_ids: readonly number[];
    readonly filter?: string;
    readonly order_by?: readonly string[];
    readonly run_view_type?: ViewType;
    readonly max_results?: number;
    readonly page_token?: string;
  },
) {
  const { experiment_ids, filter = "", order_by = [], run_view_type = "ACTIVE_ONLY", max_results = 1000 } = asked;
  const { rows, dialect } = registry.store;
  const offset = offsetOf(asked.page_token);
  const conditions = parseFilter(filter, runSearch).map((clause) =>
    conditionOf(clause, runSearch, { dialect, tenant }),
  );
  const orderings = parseOrderBy(order_by, runSearch);
  if (experiment_ids.length === 0) return {};
  let query = rows
    .selectFrom("runs as r")
    .selectAll("r")
    .where("r.tenant", "=", tenant)
    .where("r.experiment", "in", experiment_ids);
  for (const condition of [...conditions, ...lifecycleOf("r", run_view_type)]) query = query.where(condition);
  for (const each of orderings.flatMap((ordering) => orderOf(ordering, runSearch))) query = query.orderBy(each);
  if (!orderings.some(({ key }) => key === "start_time")) query = query.orderBy("r.start_time", "desc");
  const found = await query
    .orderBy("r.id")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { runs: await describeRuns(registry, page), ...next };
}

const CHUNK = 500;

/** MLflow's Run for each row, with the latest value of each metric. */
export async function describeRuns({ store: { rows } }: Registry, runs: readonly RunRow[]) {
  const described = [];
  for (let start = 0; start < runs.length; start += CHUNK) {
    const some = runs.slice(start, start + CHUNK);
    const { tenant } = some[0]!;
    const ids = some.map(({ id }) => id);
    const tags = byRun(
      await rows
        .selectFrom("run_tags")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("run", "in", ids)
        .orderBy("key")
        .execute(),
    );
    const params = byRun(
      await rows
        .selectFrom("params")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("run", "in", ids)
        .orderBy("key")
        .execute(),
    );
    const metrics = byRun(
      await rows
        .selectFrom("latest_metrics")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("run", "in", ids)
        .orderBy("key")
        .execute(),
    );
    const inputs = byRun(
      await rows
        .selectFrom("run_inputs")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("run", "in", ids)
        .orderBy("name")
        .execute(),
    );
    const models = byRun(
      await rows
        .selectFrom("run_models")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("run", "in", ids)
        .orderBy("model")
        .execute(),
    );
    const pair = ({ key, value }: { readonly key: string; readonly value: string }) => ({ key, value });
    for (const run of some) {
      const { id } = run;
      const took = models.get(id)?.filter(({ direction }) => direction === "input") ?? [];
      const made = models.get(id)?.filter(({ direction }) => direction === "output") ?? [];
      described.push({
        info: runInfoOf(run),
        data: {
          metrics: (metrics.get(id) ?? []).map(metricOf),
          params: (params.get(id) ?? []).map(pair),
          tags: (tags.get(id) ?? []).map(pair),
        },
        inputs: {
          dataset_inputs: (inputs.get(id) ?? []).map(
            ({ name, digest, source_type, source, schema, profile, tags: told }) => ({
              tags: JSON.parse(told),
              dataset: {
                name,
                digest,
                source_type,
                source,
                ...(schema === null ? {} : { schema }),
                ...(profile === null ? {} : { profile }),
              },
            }),
          ),
          model_inputs: took.map(({ model }) => ({ model_id: model })),
        },
        outputs: { model_outputs: made.map(({ model, step }) => ({ model_id: model, step })) },
      });
    }
  }
  return described;
}

/** MLflow's RunInfo. */
export function runInfoOf({ id, experiment, name, user_id, status, start_time, end_time, deleted_at }: RunRow) {
  return {
    run_id: id,
    run_uuid: id,
    run_name: name,
    experiment_id: String(experiment),
    user_id,
    status,
    ...(start_time === null ? {} : { start_time }),
    ...(end_time === null ? {} : { end_time }),
    artifact_uri: `mlflow-artifacts:/${experiment}/${id}/artifacts`,
    lifecycle_stage: deleted_at === null ? "active" : "deleted",
  };
}

/** Data sets of all runs of experiments. */
export async function datasetsOf({ store }: Registry, tenant: string, experiments: readonly number[]) {
  if (experiments.length === 0) return [];
  const found = await store.rows
    .selectFrom("run_inputs as i")
    .innerJoin("runs as r", (join) => join.onRef("r.tenant", "=", "i.tenant").onRef("r.id", "=", "i.run"))
    .select(["r.experiment", "i.name", "i.digest", "i.context"])
    .distinct()
    .where("i.tenant", "=", tenant)
    .where("r.experiment", "in", experiments)
    .where("r.deleted_at", "is", null)
    .orderBy("i.name")
    .limit(1000)
    .execute();
  return found.map(({ experiment, ...rest }) => ({ experiment_id: String(experiment), ...rest }));
}

function byRun<T extends { readonly run: string }>(entries: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const group = groups.get(entry.run);
    if (group === undefined) groups.set(entry.run, [entry]);
    else group.push(entry);
  }
  return groups;
}
