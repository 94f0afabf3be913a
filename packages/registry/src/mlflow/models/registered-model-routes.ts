import Type from "typebox";
import { RegistryError } from "../../errors.ts";
import { type Route, route } from "../../http/route.ts";
import { createModel, deleteModel, findModel, tagModel, updateModel } from "../../models/models.ts";
import { nameOf } from "../../models/names.ts";
import type { Registry } from "../../registry.ts";
import { modelResource } from "../../routes/models.ts";
import { Key, RegistryTag, Search } from "../schemas.ts";
import { describeModels, describeVersions, latestVersions } from "./describe.ts";
import { searchModels } from "./search.ts";
import { stageOf } from "./stages.ts";

export const Name = Type.String({ minLength: 1, maxLength: 400 });
const Named = Type.Object({ name: Name });
const Description = Type.Optional(Type.String({ maxLength: 10_000 }));
const Latest = Type.Object({
  name: Name,
  stages: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 10 })),
});

async function describe(registry: Registry, tenant: string, name: string) {
  const row = await findModel(registry.store.rows, tenant, name);
  return (await describeModels(registry, tenant, [row]))[0];
}

async function latest(
  registry: Registry,
  tenant: string,
  { name, stages = [] }: { readonly name: string; readonly stages?: readonly string[] },
) {
  const { name: model } = await findModel(registry.store.rows, tenant, name);
  const wanted = stages.map(stageOf);
  const found = await describeVersions(registry, tenant, await latestVersions(registry, tenant, [model]));
  return found.filter(({ current_stage }) => wanted.length === 0 || wanted.includes(current_stage));
}

export const registeredModelRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/mlflow/registered-models/create",
    summary: "Register a model",
    access: {
      type: "action",
      action: "model:create",
      resource: ({ principal, body: { name } }) => modelResource(principal, nameOf("name", name)),
    },
    schema: {
      body: Type.Object({
        name: Name,
        description: Description,
        tags: Type.Optional(Type.Array(RegistryTag, { maxItems: 100 })),
      }),
    },
    async handle({ registry, principal, body: { name, description = "", tags = [] } }) {
      const made = await createModel(registry, principal, {
        name,
        description,
        tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      });
      return { body: { registered_model: await describe(registry, principal.tenant, made.name) } };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow/registered-models/get",
    summary: "One model with its newest version in each stage",
    access: {
      type: "action",
      action: "model:read",
      resource: ({ principal, query }) => modelResource(principal, query.name),
    },
    schema: { query: Named },
    handle: async ({ registry, principal, query }) => ({
      body: { registered_model: await describe(registry, principal.tenant, query.name) },
    }),
  }),
  route({
    method: "GET",
    path: "/mlflow/registered-models/search",
    summary: "Models by filter",
    access: { type: "filtered", action: "model:read" },
    schema: {
      query: Type.Object({ ...Search, max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })) }),
    },
    handle: async ({ registry, principal, query }) => ({ body: await searchModels(registry, principal, query) }),
  }),
  route({
    method: "PATCH",
    path: "/mlflow/registered-models/update",
    summary: "Describe a model",
    access: {
      type: "action",
      action: "model:update",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Type.Object({ name: Name, description: Description }) },
    async handle({ registry, principal, body: { name, description = "" } }) {
      await updateModel(registry, principal, name, { description });
      return { body: { registered_model: await describe(registry, principal.tenant, name) } };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/registered-models/rename",
    summary: "Refused: signatures and approvals are about a name",
    access: {
      type: "action",
      action: "model:update",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Type.Object({ name: Name, new_name: Type.Optional(Name) }) },
    async handle() {
      throw new RegistryError(
        "INVALID",
        "A registered model keeps its name, which signatures, approvals and the log are about: copy its versions to a new model with copy_model_version.",
      );
    },
  }),
  route({
    method: "DELETE",
    path: "/mlflow/registered-models/delete",
    summary: "Delete a model that no environment serves",
    access: {
      type: "action",
      action: "model:delete",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Named },
    async handle({ registry, principal, body }) {
      await deleteModel(registry, principal, body.name);
      return { body: {} };
    },
  }),
  route({
    method: "POST",
    path: "/mlflow/registered-models/get-latest-versions",
    summary: "The newest version in each stage",
    access: {
      type: "action",
      action: "model:read",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Latest },
    handle: async ({ registry, principal, body }) => ({
      body: { model_versions: await latest(registry, principal.tenant, body) },
    }),
  }),
  route({
    method: "GET",
    path: "/mlflow/registered-models/get-latest-versions",
    summary: "The newest version in each stage",
    access: {
      type: "action",
      action: "model:read",
      resource: ({ principal, query }) => modelResource(principal, query.name),
    },
    schema: { query: Latest },
    handle: async ({ registry, principal, query }) => ({
      body: { model_versions: await latest(registry, principal.tenant, query) },
    }),
  }),
  route({
    method: "POST",
    path: "/mlflow/registered-models/set-tag",
    summary: "Set a tag of a model",
    access: {
      type: "action",
      action: "model:update",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Type.Object({ name: Name, ...RegistryTag.properties }) },
    async handle({ registry, principal, body: { name, key, value } }) {
      await tagModel(registry, principal, name, key, value);
      return { body: {} };
    },
  }),
  route({
    method: "DELETE",
    path: "/mlflow/registered-models/delete-tag",
    summary: "Take a tag of a model away",
    access: {
      type: "action",
      action: "model:update",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Type.Object({ name: Name, key: Key }) },
    async handle({ registry, principal, body: { name, key } }) {
      await tagModel(registry, principal, name, key, undefined);
      return { body: {} };
    },
  }),
];
