import Type from "typebox";
import type { Principal, Resource } from "../access/principal.ts";
import { revisionIn } from "../http/revision.ts";
import { type Route, route } from "../http/route.ts";
import { aliasHistory, resolveAlias, setAlias } from "../models/aliases.ts";
import { createModel, deleteModel, getModel, listModels, tagModel, updateModel } from "../models/models.ts";
import { Instant, Model, ModelParams, Page, pageOf, Tags } from "./schemas.ts";

/** A model as the policies see it. */
export function modelResource({ tenant }: Principal, model: string): Resource {
  return { tenant, type: "Model", id: model.normalize("NFC"), model: model.normalize("NFC") };
}

const of = ({ principal, params }: { readonly principal: Principal; readonly params: { readonly model: string } }) =>
  modelResource(principal, params.model);
const AliasParams = Type.Object({ model: Type.String(), alias: Type.String() });
const TagParams = Type.Object({ model: Type.String(), key: Type.String({ minLength: 1, maxLength: 250 }) });

export const modelRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/v1/models",
    summary: "Models that you may read, in order of name",
    access: { type: "filtered", action: "model:read" },
    schema: {
      query: Type.Intersect([Page, Type.Object({ contains: Type.Optional(Type.String({ maxLength: 200 })) })]),
      answer: pageOf(Model),
    },
    async handle({ registry, principal, query: { limit = 100, after, contains } }) {
      const found = await listModels(registry, principal, {
        limit: limit + 1,
        ...(after === undefined ? {} : { after }),
        ...(contains === undefined ? {} : { contains }),
      });
      return {
        body: { items: found.slice(0, limit), ...(found.length > limit ? { next: found[limit - 1]!.name } : {}) },
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/models",
    summary: "Register a model",
    access: {
      type: "action",
      action: "model:create",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: {
      body: Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 400 }),
          description: Type.Optional(Type.String({ maxLength: 10_000 })),
          tags: Type.Optional(Tags),
        },
        { additionalProperties: false },
      ),
      answer: Model,
    },
    async handle({ registry, principal, body }) {
      const model = await createModel(registry, principal, body);
      return { status: 201, headers: { location: `/api/v1/models/${encodeURIComponent(model.name)}` }, body: model };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/models/:model",
    summary: "One model",
    access: { type: "action", action: "model:read", resource: of },
    schema: { params: ModelParams, answer: Model },
    async handle({ registry, principal, params: { model } }) {
      const found = await getModel(registry, principal.tenant, model);
      return { headers: { etag: `"${found.revision}"` }, body: found };
    },
  }),
  route({
    method: "PATCH",
    path: "/api/v1/models/:model",
    summary: "Describe a model; If-Match guards against changes in the meantime",
    access: { type: "action", action: "model:update", resource: of },
    schema: {
      params: ModelParams,
      body: Type.Object({ description: Type.String({ maxLength: 10_000 }) }, { additionalProperties: false }),
      answer: Model,
    },
    async handle({ registry, principal, params: { model }, body: { description }, headers }) {
      const revision = revisionIn(headers);
      const changed = await updateModel(registry, principal, model, {
        description,
        ...(revision === undefined ? {} : { revision }),
      });
      return { headers: { etag: `"${changed.revision}"` }, body: changed };
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/models/:model",
    summary: "Delete a model that no environment serves; its numbers are never used again",
    access: { type: "action", action: "model:delete", resource: of },
    schema: { params: ModelParams },
    async handle({ registry, principal, params: { model } }) {
      await deleteModel(registry, principal, model);
      return {};
    },
  }),
  route({
    method: "PUT",
    path: "/api/v1/models/:model/tags/:key",
    summary: "Set a tag",
    access: { type: "action", action: "model:update", resource: of },
    schema: {
      params: TagParams,
      body: Type.Object({ value: Type.String({ maxLength: 100_000 }) }, { additionalProperties: false }),
    },
    async handle({ registry, principal, params: { model, key }, body: { value } }) {
      await tagModel(registry, principal, model, key, value);
      return {};
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/models/:model/tags/:key",
    summary: "Take a tag away",
    access: { type: "action", action: "model:update", resource: of },
    schema: { params: TagParams },
    async handle({ registry, principal, params: { model, key } }) {
      await tagModel(registry, principal, model, key, undefined);
      return {};
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/models/:model/aliases/:alias",
    summary: "The version that an alias points at",
    access: { type: "action", action: "model:read", resource: of },
    schema: { params: AliasParams, answer: Type.Object({ alias: Type.String(), version: Type.Integer() }) },
    async handle({ registry, principal, params: { model, alias } }) {
      return { body: { alias, version: await resolveAlias(registry, principal.tenant, model, alias) } };
    },
  }),
  route({
    method: "PUT",
    path: "/api/v1/models/:model/aliases/:alias",
    summary: "Point an alias at a version",
    access: { type: "action", action: "alias:set", resource: of },
    schema: {
      params: AliasParams,
      body: Type.Object({ version: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
    },
    async handle({ registry, principal, params: { model, alias }, body: { version } }) {
      await setAlias(registry, principal, model, alias, version);
      return {};
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/models/:model/aliases/:alias",
    summary: "Take an alias away",
    access: { type: "action", action: "alias:set", resource: of },
    schema: { params: AliasParams },
    async handle({ registry, principal, params: { model, alias } }) {
      await setAlias(registry, principal, model, alias, undefined);
      return {};
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/models/:model/aliases/:alias/history",
    summary: "Every move of an alias, oldest first",
    access: { type: "action", action: "model:read", resource: of },
    schema: {
      params: AliasParams,
      answer: Type.Object({
        items: Type.Array(
          Type.Object({
            sequence: Type.Integer(),
            version: Type.Union([Type.Integer(), Type.Null()]),
            actor: Type.String(),
            at: Instant,
          }),
        ),
      }),
    },
    async handle({ registry, principal, params: { model, alias } }) {
      return { body: { items: await aliasHistory(registry, principal.tenant, model, alias) } };
    },
  }),
];
