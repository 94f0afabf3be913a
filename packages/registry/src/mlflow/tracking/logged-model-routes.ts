import Type from "typebox";
import type { Action } from "../../access/actions.ts";
import type { Principal } from "../../access/principal.ts";
import { type Route, route } from "../../http/route.ts";
import type { Registry } from "../../registry.ts";
import { listArtifacts } from "../artifacts/artifacts.ts";
import { Id, Key, Param, Search, Tag } from "../schemas.ts";
import { experimentIds, experimentResource, findExperiment } from "./experiments.ts";
import {
  createLoggedModel,
  describeLoggedModel,
  findLoggedModel,
  type LoggedModelRow,
  loggedModelStatuses,
  searchLoggedModels,
  updateLoggedModel,
} from "./logged-models.ts";

interface Sent {
  readonly registry: Registry;
  readonly principal: Principal;
  readonly params: unknown;
}

const ModelParams = Type.Object({ model_id: Id });
const params = Type.Optional(Type.Array(Param, { maxItems: 1000 }));
const tags = Type.Optional(Type.Array(Tag, { maxItems: 1000 }));

const modelOf = ({ registry, principal, params: named }: Sent): Promise<LoggedModelRow> =>
  findLoggedModel(registry.store.rows, principal.tenant, (named as { model_id: string }).model_id);

/** A right to the experiment that the named model belongs to. */
const onModel = (action: Action) => ({
  type: "action" as const,
  action,
  resource: async (call: Sent) => experimentResource(call.principal, (await modelOf(call)).experiment),
});

export const loggedModelRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/mlflow/logged-models",
    summary: "Begin a logged model",
    access: {
      type: "action",
      action: "experiment:write",
      resource: async ({ registry, principal, body }) =>
        experimentResource(principal, (await findExperiment(registry, principal.tenant, body.experiment_id)).id),
    },
    schema: {
      body: Type.Object({
        experiment_id: Id,
        name: Type.Optional(Type.String({ maxLength: 500 })),
        model_type: Type.Optional(Type.String({ maxLength: 500 })),
        source_run_id: Type.Optional(Type.String({ maxLength: 256 })),
        params,
        tags,
      }),
    },
    async handle({ registry, principal, body }) {
      const experiment = await findExperiment(registry, principal.tenant, body.experiment_id);
      const model = await createLoggedModel(registry, principal, experiment, body);
      return { body: { model: await describeLoggedModel(registry, model) } };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/logged-models/search",
    summary: "Logged models by filter",
    access: {
      type: "action",
      action: "experiment:read",
      resource: ({ principal }) => experimentResource(principal, "*"),
    },
    schema: {
      body: Type.Object({
        filter: Search.filter,
        page_token: Search.page_token,
        experiment_ids: Type.Optional(Type.Array(Id, { maxItems: 1000 })),
        datasets: Type.Optional(
          Type.Array(
            Type.Object({
              dataset_name: Type.String({ maxLength: 500 }),
              dataset_digest: Type.Optional(Type.String({ maxLength: 36 })),
            }),
            { maxItems: 20 },
          ),
        ),
        order_by: Type.Optional(
          Type.Array(
            Type.Object({ field_name: Type.String({ maxLength: 300 }), ascending: Type.Optional(Type.Boolean()) }),
            { maxItems: 10 },
          ),
        ),
        max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
    },
    async handle({ registry, principal, body: { experiment_ids: ids = [], ...asked }, authorize }) {
      for (const id of ids) await authorize("experiment:read", experimentResource(principal, id));
      return { body: await searchLoggedModels(registry, principal, { ...asked, experiment_ids: experimentIds(ids) }) };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/logged-models/:model_id",
    summary: "One logged model",
    access: onModel("experiment:read"),
    schema: { params: ModelParams },
    async handle(call) {
      return { body: { model: await describeLoggedModel(call.registry, await modelOf(call)) } };
    },
  }),
  route({
    method: "PATCH",
    path: "/mlflow/logged-models/:model_id",
    summary: "Say that all files are there; from then on they do not change",
    access: onModel("experiment:write"),
    schema: { params: ModelParams, body: Type.Object({ status: Type.Enum([...loggedModelStatuses]) }) },
    async handle(call) {
      await updateLoggedModel(call.registry, call.principal, await modelOf(call), { status: call.body.status });
      return { body: { model: await describeLoggedModel(call.registry, await modelOf(call)) } };
    },
  }),
  route({
    method: "DELETE",
    path: "/mlflow/logged-models/:model_id",
    summary: "Hide a logged model; versions made from it stay",
    access: onModel("experiment:delete"),
    schema: { params: ModelParams },
    async handle(call) {
      await updateLoggedModel(call.registry, call.principal, await modelOf(call), { isDeleted: true });
      return { body: {} };
    },
  }),
  route({
    method: "PATCH",
    path: "/mlflow/logged-models/:model_id/tags",
    summary: "Set tags of a logged model",
    access: onModel("experiment:write"),
    schema: { params: ModelParams, body: Type.Object({ tags }) },
    async handle(call) {
      await updateLoggedModel(call.registry, call.principal, await modelOf(call), { tags: call.body.tags ?? [] });
      return { body: {} };
    },
  }),
  route({
    method: "DELETE",
    path: "/mlflow/logged-models/:model_id/tags/:tag_key",
    summary: "Take a tag of a logged model away",
    access: onModel("experiment:write"),
    schema: { params: Type.Object({ model_id: Id, tag_key: Key }) },
    async handle(call) {
      await updateLoggedModel(call.registry, call.principal, await modelOf(call), {
        tags: [{ key: call.params.tag_key }],
      });
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/logged-models/:model_id/params",
    summary: "Set parameters of a logged model",
    access: onModel("experiment:write"),
    schema: { params: ModelParams, body: Type.Object({ params }) },
    async handle(call) {
      await updateLoggedModel(call.registry, call.principal, await modelOf(call), { params: call.body.params ?? [] });
      return { body: {} };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/logged-models/:model_id/artifacts/directories",
    summary: "Files and folders of a logged model",
    access: onModel("experiment:read"),
    schema: {
      params: ModelParams,
      query: Type.Object({ artifact_directory_path: Type.Optional(Type.String({ maxLength: 1024 })) }),
    },
    async handle(call) {
      const { experiment, id } = await modelOf(call);
      const path = call.query.artifact_directory_path ?? "";
      const found = await listArtifacts(call.registry, call.principal.tenant, {
        type: "model",
        experiment,
        owner: id,
        path,
      });
      const files = found.map((each) => ({ ...each, path: path === "" ? each.path : `${path}/${each.path}` }));
      return { body: { root_uri: `mlflow-artifacts:/${experiment}/models/${id}/artifacts`, files } };
    },
  }),
];
