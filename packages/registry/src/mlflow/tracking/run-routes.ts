import Type from "typebox";
import type { Action } from "../../access/actions.ts";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Route, route } from "../../http/route.ts";
import type { Registry } from "../../registry.ts";
import { Id, Key, Metric, Millis, Param, RunKey, Search, Tag, ViewTypes } from "../schemas.ts";
import { experimentIds, experimentResource, findExperiment } from "./experiments.ts";
import { logBatch } from "./metrics.ts";
import { createRun, deleteRun, findRun, logInputs, type RunRow, runStatuses, untagRun, updateRun } from "./runs.ts";
import { describeRuns, runInfoOf, searchRuns } from "./search-runs.ts";

interface Sent {
  readonly registry: Registry;
  readonly principal: Principal;
  readonly body?: unknown;
  readonly query?: unknown;
}

/** The run that a request names, by either word. */
export async function runOf({ registry, principal, body, query }: Sent): Promise<RunRow> {
  const { run_id, run_uuid } = (body ?? query) as { readonly run_id?: string; readonly run_uuid?: string };
  const id = run_id || run_uuid;
  if (id === undefined) throw new RegistryError("INVALID", "Missing value for required parameter 'run_id'.");
  return await findRun(registry.store.rows, principal.tenant, id);
}

/** A right to the experiment that the named run belongs to. */
export const onRun = (action: Action) => ({
  type: "action" as const,
  action,
  resource: async (call: Sent) => experimentResource(call.principal, (await runOf(call)).experiment),
});

const DatasetInput = Type.Object({
  tags: Type.Optional(
    Type.Array(Type.Object({ key: Type.String({ maxLength: 255 }), value: Type.String({ maxLength: 500 }) }), {
      maxItems: 100,
    }),
  ),
  dataset: Type.Object({
    name: Type.String({ minLength: 1, maxLength: 500 }),
    digest: Type.String({ minLength: 1, maxLength: 36 }),
    source_type: Type.String({ maxLength: 36 }),
    source: Type.String({ maxLength: 65_535 }),
    schema: Type.Optional(Type.String({ maxLength: 1_048_575 })),
    profile: Type.Optional(Type.String({ maxLength: 1_048_575 })),
  }),
});

export const runRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/mlflow/runs/create",
    summary: "Begin a run",
    access: {
      type: "action",
      action: "experiment:write",
      resource: async ({ registry, principal, body: { experiment_id = "0" } }) =>
        experimentResource(principal, (await findExperiment(registry, principal.tenant, experiment_id)).id),
    },
    schema: {
      body: Type.Object({
        experiment_id: Type.Optional(Id),
        user_id: Type.Optional(Type.String({ maxLength: 256 })),
        run_name: Type.Optional(Type.String({ maxLength: 250 })),
        start_time: Type.Optional(Millis),
        tags: Type.Optional(Type.Array(Tag, { maxItems: 100 })),
      }),
    },
    async handle({ registry, principal, body: { experiment_id = "0", ...given } }) {
      const experiment = await findExperiment(registry, principal.tenant, experiment_id);
      const id = await createRun(registry, principal, experiment, given);
      const [run] = await describeRuns(registry, [await findRun(registry.store.rows, principal.tenant, id)]);
      return { body: { run } };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/runs/get",
    summary: "One run with the latest value of each metric",
    access: onRun("experiment:read"),
    schema: { query: Type.Object(RunKey) },
    async handle(call) {
      const [run] = await describeRuns(call.registry, [await runOf(call)]);
      return { body: { run } };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/update",
    summary: "Change status, end or name of a run",
    access: onRun("experiment:write"),
    schema: {
      body: Type.Object({
        ...RunKey,
        status: Type.Optional(Type.Enum([...runStatuses])),
        end_time: Type.Optional(Millis),
        run_name: Type.Optional(Type.String({ maxLength: 250 })),
      }),
    },
    async handle(call) {
      return {
        body: { run_info: runInfoOf(await updateRun(call.registry, call.principal, await runOf(call), call.body)) },
      };
    },
  }),
  ...(
    [
      ["delete", true],
      ["restore", false],
    ] as const
  ).map(([verb, isDeleted]) =>
    route({
      method: "POST",
      path: `/mlflow/runs/${verb}`,
      summary: isDeleted ? "Hide a run" : "Show a run again",
      access: onRun("experiment:delete"),
      schema: { body: Type.Object(RunKey) },
      async handle(call) {
        await deleteRun(call.registry, call.principal, await runOf(call), isDeleted);
        return { body: {} };
      },
    }),
  ),
  route({
    method: "POST",
    path: "/mlflow/runs/search",
    summary: "Runs by filter",
    access: {
      type: "action",
      action: "experiment:read",
      resource: ({ principal }) => experimentResource(principal, "*"),
    },
    schema: {
      body: Type.Object({
        ...Search,
        experiment_ids: Type.Optional(Type.Array(Id, { maxItems: 1000 })),
        run_view_type: Type.Optional(ViewTypes),
        max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 50_000 })),
      }),
    },
    async handle({ registry, principal, body: { experiment_ids: ids = [], ...asked }, authorize }) {
      for (const id of ids) await authorize("experiment:read", experimentResource(principal, id));
      return { body: await searchRuns(registry, principal, { ...asked, experiment_ids: experimentIds(ids) }) };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/log-metric",
    summary: "Add one value of a metric",
    access: onRun("experiment:write"),
    schema: { body: Type.Intersect([Type.Object(RunKey), Metric]) },
    async handle(call) {
      await logBatch(call.registry, call.principal, await runOf(call), { metrics: [call.body] });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/log-parameter",
    summary: "Set a parameter, once and for all",
    access: onRun("experiment:write"),
    schema: { body: Type.Intersect([Type.Object(RunKey), Param]) },
    async handle(call) {
      const { key, value } = call.body;
      await logBatch(call.registry, call.principal, await runOf(call), { params: [{ key, value }] });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/set-tag",
    summary: "Set a tag of a run",
    access: onRun("experiment:write"),
    schema: { body: Type.Intersect([Type.Object(RunKey), Tag]) },
    async handle(call) {
      const { key, value } = call.body;
      await logBatch(call.registry, call.principal, await runOf(call), { tags: [{ key, value }] });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/delete-tag",
    summary: "Take a tag of a run away",
    access: onRun("experiment:write"),
    schema: { body: Type.Object({ ...RunKey, key: Key }) },
    async handle(call) {
      await untagRun(call.registry, call.principal, await runOf(call), call.body.key);
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/log-batch",
    summary: "Add up to 1,000 metrics, 100 parameters and 100 tags, all or none",
    access: onRun("experiment:write"),
    schema: {
      body: Type.Object({
        ...RunKey,
        metrics: Type.Optional(Type.Array(Metric, { maxItems: 1000 })),
        params: Type.Optional(Type.Array(Param, { maxItems: 100 })),
        tags: Type.Optional(Type.Array(Tag, { maxItems: 100 })),
      }),
    },
    async handle(call) {
      const { metrics = [], params = [], tags = [] } = call.body;
      const count = metrics.length + params.length + tags.length;
      if (count > 1000)
        throw new RegistryError("INVALID", `A batch logging request can contain at most 1000 entities. Got ${count}.`);
      await logBatch(call.registry, call.principal, await runOf(call), { metrics, params, tags });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/log-inputs",
    summary: "Note data sets and models that a run took",
    access: onRun("experiment:write"),
    schema: {
      body: Type.Object({
        ...RunKey,
        datasets: Type.Optional(Type.Array(DatasetInput, { maxItems: 1000 })),
        models: Type.Optional(Type.Array(Type.Object({ model_id: Id }), { maxItems: 1000 })),
      }),
    },
    async handle(call) {
      const { datasets = [], models = [] } = call.body;
      await logInputs(call.registry, call.principal, await runOf(call), { datasets, models, direction: "input" });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/outputs",
    summary: "Note models that a run made",
    access: onRun("experiment:write"),
    schema: {
      body: Type.Object({
        ...RunKey,
        models: Type.Array(Type.Object({ model_id: Id, step: Type.Optional(Type.Integer()) }), { maxItems: 1000 }),
      }),
    },
    async handle(call) {
      await logInputs(call.registry, call.principal, await runOf(call), {
        models: call.body.models,
        direction: "output",
      });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/runs/log-model",
    summary: "Note a model's description, as clients before 3.0 do",
    access: onRun("experiment:write"),
    schema: { body: Type.Object({ ...RunKey, model_json: Type.String({ maxLength: 1_000_000 }) }) },
    async handle(call) {
      const { registry, principal, body } = call;
      const run = await runOf(call);
      const key = "mlflow.log-model.history";
      const before = await registry.store.rows
        .selectFrom("run_tags")
        .select("value")
        .where("tenant", "=", run.tenant)
        .where("run", "=", run.id)
        .where("key", "=", key)
        .executeTakeFirst();
      const value = JSON.stringify([
        ...(before === undefined ? [] : JSON.parse(before.value)),
        modelIn(body.model_json),
      ]);
      await logBatch(registry, principal, run, { tags: [{ key, value }] });
      return { body: {} };
    },
  }),
];

function modelIn(text: string): unknown {
  try {
    const model = JSON.parse(text);
    if (typeof model.artifact_path === "string" && typeof model.flavors === "object") return model;
  } catch {
    // said below
  }
  throw new RegistryError("INVALID", "Malformed model info: expected a JSON object with artifact_path and flavors");
}
