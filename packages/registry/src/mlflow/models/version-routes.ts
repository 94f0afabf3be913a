import { setTimeout as delay } from "node:timers/promises";
import Type from "typebox";
import { type Route, route } from "../../http/route.ts";
import { findVersion, requireHandedOut } from "../../models/version-rows.ts";
import { moveVersion } from "../../models/version-states.ts";
import { describeVersion, tagVersion } from "../../models/versions.ts";
import type { Registry } from "../../registry.ts";
import { modelResource } from "../../routes/models.ts";
import { Key, RegistryTag, Search } from "../schemas.ts";
import { describeVersions } from "./describe.ts";
import { registerVersion } from "./register.ts";
import { Name } from "./registered-model-routes.ts";
import { searchVersions } from "./search.ts";
import { moveToStage, stageOf } from "./stages.ts";

const Version = Type.Object({ name: Name, version: Type.Integer({ minimum: 1 }) });

/** A small model is scanned in this time, in milliseconds; for others a client comes back after three seconds. */
const PATIENCE = 2000;
const PAUSE = 50;

async function describe(
  registry: Registry,
  tenant: string,
  { name, version }: { readonly name: string; readonly version: number },
) {
  const row = await findVersion(registry.store.rows, tenant, name, version);
  return (await describeVersions(registry, tenant, [row]))[0];
}

async function admitted(registry: Registry, tenant: string, name: string, version: number): Promise<void> {
  for (let waited = 0; waited < PATIENCE; waited += PAUSE) {
    const { state } = await findVersion(registry.store.rows, tenant, name, version);
    if (state !== "pending") return;
    await delay(PAUSE);
  }
}

/** What `woken` is told: there is a version to look at. */
export function modelVersionRoutes(woken: () => void): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/mlflow/model-versions/create",
      summary: "Add a version of what a run or logged model has now; it is pending until it was scanned",
      access: {
        type: "action",
        action: "version:create",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: {
        body: Type.Object({
          name: Name,
          source: Type.String({ minLength: 1, maxLength: 2000 }),
          run_id: Type.Optional(Type.String({ maxLength: 256 })),
          run_link: Type.Optional(Type.String({ maxLength: 2000 })),
          model_id: Type.Optional(Type.String({ maxLength: 256 })),
          description: Type.Optional(Type.String({ maxLength: 10_000 })),
          tags: Type.Optional(Type.Array(RegistryTag, { maxItems: 100 })),
        }),
      },
      async handle(call) {
        const { registry, principal, body } = call;
        const { model: name, version } = await registerVersion(call, body);
        woken();
        await admitted(registry, principal.tenant, name, version);
        return { body: { model_version: await describe(registry, principal.tenant, { name, version }) } };
      },
    }),
    route({
      method: "GET",
      path: "/mlflow/model-versions/get",
      summary: "One version",
      access: {
        type: "action",
        action: "model:read",
        resource: ({ principal, query }) => modelResource(principal, query.name),
      },
      schema: { query: Version },
      handle: async ({ registry, principal, query }) => ({
        body: { model_version: await describe(registry, principal.tenant, query) },
      }),
    }),
    route({
      method: "GET",
      path: "/mlflow/model-versions/search",
      summary: "Versions by filter",
      access: { type: "filtered", action: "model:read" },
      schema: {
        query: Type.Object({ ...Search, max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 200_000 })) }),
      },
      handle: async ({ registry, principal, query }) => ({ body: await searchVersions(registry, principal, query) }),
    }),
    route({
      method: "GET",
      path: "/mlflow/model-versions/get-download-uri",
      summary: "Where the files of a version are: below a path that only that version has",
      access: {
        type: "action",
        action: "version:download",
        resource: ({ principal, query }) => modelResource(principal, query.name),
      },
      schema: { query: Version },
      async handle({ registry, principal, query }) {
        const row = await findVersion(registry.store.rows, principal.tenant, query.name, query.version);
        requireHandedOut(row);
        return { body: { artifact_uri: `mlflow-artifacts:/versions/${row.model}/${row.version}` } };
      },
    }),
    route({
      method: "PATCH",
      path: "/mlflow/model-versions/update",
      summary: "Describe a version",
      access: {
        type: "action",
        action: "version:update",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: {
        body: Type.Object({ ...Version.properties, description: Type.Optional(Type.String({ maxLength: 10_000 })) }),
      },
      async handle({ registry, principal, body }) {
        await describeVersion(registry, principal, body.name, body.version, body.description ?? "");
        return { body: { model_version: await describe(registry, principal.tenant, body) } };
      },
    }),
    route({
      method: "POST",
      path: "/mlflow/model-versions/transition-stage",
      summary: "Ask for a stage: Staging and Production are reached by a promotion",
      access: {
        type: "action",
        action: "model:read",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: {
        body: Type.Object({
          ...Version.properties,
          stage: Type.String({ minLength: 1, maxLength: 100 }),
          archive_existing_versions: Type.Optional(Type.Boolean()),
        }),
      },
      async handle(call) {
        const { registry, principal, body } = call;
        const row = await findVersion(registry.store.rows, principal.tenant, body.name, body.version);
        await moveToStage(call, row, stageOf(body.stage), body.archive_existing_versions ?? false);
        return { body: { model_version: await describe(registry, principal.tenant, body) } };
      },
    }),
    route({
      method: "DELETE",
      path: "/mlflow/model-versions/delete",
      summary: "Delete a version that no environment serves; a tombstone with its digests stays",
      access: {
        type: "action",
        action: "version:delete",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: { body: Version },
      async handle({ registry, principal, body: { name: model, version } }) {
        await moveVersion(registry, principal, {
          model,
          version,
          to: "deleted",
          action: "version:delete",
          reason: "deleted by an MLflow client",
        });
        return { body: {} };
      },
    }),
    route({
      method: "POST",
      path: "/mlflow/model-versions/set-tag",
      summary: "Set a tag of a version",
      access: {
        type: "action",
        action: "version:update",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: { body: Type.Object({ ...Version.properties, ...RegistryTag.properties }) },
      async handle({ registry, principal, body: { name, version, key, value } }) {
        await tagVersion(registry, principal, name, version, key, value);
        return { body: {} };
      },
    }),
    route({
      method: "DELETE",
      path: "/mlflow/model-versions/delete-tag",
      summary: "Take a tag of a version away",
      access: {
        type: "action",
        action: "version:update",
        resource: ({ principal, body }) => modelResource(principal, body.name),
      },
      schema: { body: Type.Object({ ...Version.properties, key: Key }) },
      async handle({ registry, principal, body: { name, version, key } }) {
        await tagVersion(registry, principal, name, version, key, undefined);
        return { body: {} };
      },
    }),
  ];
}
