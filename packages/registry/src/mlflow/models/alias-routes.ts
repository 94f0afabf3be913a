import Type from "typebox";
import { type Route, route } from "../../http/route.ts";
import { resolveAlias, setAlias } from "../../models/aliases.ts";
import { findVersion } from "../../models/version-rows.ts";
import { modelResource } from "../../routes/models.ts";
import { describeVersions } from "./describe.ts";
import { Name } from "./registered-model-routes.ts";

const Alias = Type.Object({ name: Name, alias: Type.String({ minLength: 1, maxLength: 255 }) });
const path = "/mlflow/registered-models/alias";

export const aliasRoutes: readonly Route[] = [
  route({
    method: "POST",
    path,
    summary: "Point an alias at a version",
    access: {
      type: "action",
      action: "alias:set",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Type.Object({ ...Alias.properties, version: Type.Integer({ minimum: 1 }) }) },
    async handle({ registry, principal, body: { name, alias, version } }) {
      await setAlias(registry, principal, name, alias, version);
      return { body: {} };
    },
  }),
  route({
    method: "DELETE",
    path,
    summary: "Take an alias away",
    access: {
      type: "action",
      action: "alias:set",
      resource: ({ principal, body }) => modelResource(principal, body.name),
    },
    schema: { body: Alias },
    async handle({ registry, principal, body: { name, alias } }) {
      await setAlias(registry, principal, name, alias, undefined);
      return { body: {} };
    },
  }),
  route({
    method: "GET",
    path,
    summary: "The version that an alias points at",
    access: {
      type: "action",
      action: "model:read",
      resource: ({ principal, query }) => modelResource(principal, query.name),
    },
    schema: { query: Alias },
    async handle({ registry, principal: { tenant }, query: { name, alias } }) {
      const row = await findVersion(
        registry.store.rows,
        tenant,
        name,
        await resolveAlias(registry, tenant, name, alias),
      );
      return { body: { model_version: (await describeVersions(registry, tenant, [row]))[0] } };
    },
  }),
];
