import Type from "typebox";
import type { Action } from "../../access/actions.ts";
import type { Principal } from "../../access/principal.ts";
import { type Route, route } from "../../http/route.ts";
import type { Registry } from "../../registry.ts";
import { Id, Key, Search, Tag, ViewTypes } from "../schemas.ts";
import {
  createExperiment,
  deleteExperiment,
  describeExperiment,
  experimentIds,
  experimentResource,
  findExperiment,
  findExperimentByName,
  renameExperiment,
  searchExperiments,
  tagExperiment,
} from "./experiments.ts";
import { datasetsOf } from "./search-runs.ts";

const Experiment = Type.Object({ experiment_id: Id });
const name = Type.String({ minLength: 1, maxLength: 500 });
const ExperimentSearch = Type.Object({
  ...Search,
  view_type: Type.Optional(ViewTypes),
  max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 50_000 })),
});

interface Sent {
  readonly registry: Registry;
  readonly principal: Principal;
  readonly body?: unknown;
  readonly query?: unknown;
}

/** The experiment that a request names by id. */
const named = ({ registry, principal, body, query }: Sent) =>
  findExperiment(registry, principal.tenant, ((body ?? query) as { experiment_id: string }).experiment_id);

const onNamed = (action: Action) => ({
  type: "action" as const,
  action,
  resource: async (call: Sent) => experimentResource(call.principal, (await named(call)).id),
});

/** What is about experiments in general. */
const onAny = (action: Action) => ({
  type: "action" as const,
  action,
  resource: ({ principal }: Sent) => experimentResource(principal, "*"),
});

/** Leaves out what the policies keep from a principal. */
function readable(registry: Registry, principal: Principal, id: string): boolean {
  return registry.policies.decide(principal, "experiment:read", experimentResource(principal, id)).isAllowed;
}

async function search(registry: Registry, principal: Principal, asked: Parameters<typeof searchExperiments>[2]) {
  const found = await searchExperiments(registry, principal, asked);
  return {
    ...found,
    experiments: found.experiments.filter(({ experiment_id }) => readable(registry, principal, experiment_id)),
  };
}

export const experimentRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/mlflow/experiments/create",
    summary: "Make an experiment; where artifacts lie is not the client's to choose",
    access: onAny("experiment:write"),
    schema: {
      body: Type.Object({
        name,
        artifact_location: Type.Optional(Type.String({ maxLength: 2000 })),
        tags: Type.Optional(Type.Array(Tag, { maxItems: 100 })),
      }),
    },
    async handle({ registry, principal, body: { artifact_location: _ignored, ...given } }) {
      return { body: { experiment_id: await createExperiment(registry, principal, given) } };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/experiments/get",
    summary: "One experiment",
    access: onNamed("experiment:read"),
    schema: { query: Experiment },
    async handle(call) {
      return { body: { experiment: await describeExperiment(call.registry, await named(call)) } };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/experiments/get-by-name",
    summary: "One experiment by its name",
    access: onAny("experiment:read"),
    schema: { query: Type.Object({ experiment_name: name }) },
    async handle({ registry, principal, query, authorize }) {
      const row = await findExperimentByName(registry, principal.tenant, query.experiment_name);
      await authorize("experiment:read", experimentResource(principal, row.id));
      return { body: { experiment: await describeExperiment(registry, row) } };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/experiments/search",
    summary: "Experiments by filter",
    access: onAny("experiment:read"),
    schema: { body: ExperimentSearch },
    handle: async ({ registry, principal, body }) => ({ body: await search(registry, principal, body) }),
  }),
  route({
    method: "GET",
    path: "/mlflow/experiments/search",
    summary: "Experiments by filter",
    access: onAny("experiment:read"),
    schema: { query: ExperimentSearch },
    handle: async ({ registry, principal, query }) => ({ body: await search(registry, principal, query) }),
  }),
  route({
    method: "POST",
    path: "/mlflow/experiments/update",
    summary: "Rename an experiment",
    access: onNamed("experiment:write"),
    schema: { body: Type.Object({ experiment_id: Id, new_name: Type.Optional(name) }) },
    async handle(call) {
      const { registry, principal, body } = call;
      if (body.new_name !== undefined) await renameExperiment(registry, principal, await named(call), body.new_name);
      return { body: {} };
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
      path: `/mlflow/experiments/${verb}`,
      summary: isDeleted ? "Hide an experiment and its runs" : "Show an experiment and its runs again",
      access: onNamed("experiment:delete"),
      schema: { body: Experiment },
      async handle(call) {
        await deleteExperiment(call.registry, call.principal, await named(call), isDeleted);
        return { body: {} };
      },
    }),
  ),
  route({
    method: "POST",
    path: "/mlflow/experiments/set-experiment-tag",
    summary: "Set a tag of an experiment",
    access: onNamed("experiment:write"),
    schema: { body: Type.Object({ experiment_id: Id, key: Key, value: Type.String({ maxLength: 8000 }) }) },
    async handle(call) {
      const { registry, principal, body } = call;
      await tagExperiment(registry, principal, await named(call), body.key, body.value);
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/experiments/delete-experiment-tag",
    summary: "Take a tag of an experiment away",
    access: onNamed("experiment:write"),
    schema: { body: Type.Object({ experiment_id: Id, key: Key }) },
    async handle(call) {
      await tagExperiment(call.registry, call.principal, await named(call), call.body.key, undefined);
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/experiments/search-datasets",
    summary: "Data sets that runs of experiments used",
    access: onAny("experiment:read"),
    schema: { body: Type.Object({ experiment_ids: Type.Array(Id, { maxItems: 20 }) }) },
    async handle({ registry, principal, body, authorize }) {
      for (const id of body.experiment_ids) await authorize("experiment:read", experimentResource(principal, id));
      return {
        body: { dataset_summaries: await datasetsOf(registry, principal.tenant, experimentIds(body.experiment_ids)) },
      };
    },
  }),
];
