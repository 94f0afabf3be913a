import Type from "typebox";
import type { Resource } from "../access/principal.ts";
import { configureEnvironment, findEnvironment, listEnvironments } from "../environments/environments.ts";
import { RegistryError } from "../errors.ts";
import { revisionIn } from "../http/revision.ts";
import { type Call, type Route, route } from "../http/route.ts";
import { findVersion } from "../models/version-rows.ts";
import { judgeVersion } from "../promotions/judge.ts";
import { promotionResource } from "../promotions/promotion-rows.ts";
import {
  getPromotion,
  listPromotions,
  requestPromotion,
  revokePromotion,
  voteOnPromotion,
} from "../promotions/promotions.ts";
import { loadRelease, releasePromotion } from "../promotions/release.ts";
import { modelResource } from "./models.ts";
import { Decision, File, Page, Promotion, pageOf, Reason, Sha256 } from "./schemas.ts";

const IdParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
const EnvironmentParams = Type.Object({ environment: Type.String({ maxLength: 100 }) });
const LoadParams = Type.Object({ environment: Type.String(), model: Type.String() });
const Environment = Type.Object({
  name: Type.String(),
  position: Type.Integer(),
  approvals: Type.Integer(),
  policy: Type.Unknown(),
  policyDigest: Sha256,
  keyRing: Type.Unknown(),
  revision: Type.Integer(),
});

const promotionOf = ({
  registry,
  principal,
  params,
}: Pick<Call, "registry" | "principal"> & { readonly params: { readonly id: string } }): Promise<Resource> =>
  promotionResource(registry, principal.tenant, params.id);
const inEnvironment = ({
  principal,
  params: { environment, model },
}: Pick<Call, "principal"> & {
  readonly params: { readonly environment: string; readonly model: string };
}): Resource => ({
  ...modelResource(principal, model),
  environment,
});

export const promotionRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/v1/environments",
    summary: "Environments, in order, with what each asks for",
    access: { type: "signed-in" },
    schema: { answer: Type.Object({ items: Type.Array(Environment) }) },
    handle: async ({ registry, principal }) => ({
      body: { items: await listEnvironments(registry, principal.tenant) },
    }),
  }),
  route({
    method: "PATCH",
    path: "/api/v1/environments/:environment",
    summary: "Change an environment's policy, trusted keys or number of approvals",
    access: {
      type: "action",
      action: "environment:configure",
      resource: ({ principal: { tenant }, params: { environment } }) => ({
        tenant,
        type: "Tenant",
        id: tenant,
        environment,
      }),
    },
    schema: {
      params: EnvironmentParams,
      body: Type.Object(
        {
          policy: Type.Optional(Type.Unknown()),
          keyRing: Type.Optional(Type.Unknown()),
          approvals: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
        },
        { additionalProperties: false },
      ),
      answer: Environment,
    },
    async handle({ registry, principal, params: { environment }, body, headers }) {
      const revision = revisionIn(headers);
      return {
        body: await configureEnvironment(registry, principal, environment, {
          ...body,
          ...(revision === undefined ? {} : { revision }),
        }),
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/environments/:environment/models/:model/versions/:version/decision",
    summary: "What the environment's gate says of a version now",
    access: { type: "action", action: "promotion:read", resource: inEnvironment },
    schema: {
      params: Type.Object({ environment: Type.String(), model: Type.String(), version: Type.Integer({ minimum: 1 }) }),
      answer: Decision,
    },
    async handle({ registry, principal: { tenant }, params: { environment, model, version } }) {
      const row = await findVersion(registry.store.rows, tenant, model, version);
      return {
        body: await judgeVersion(registry, row, await findEnvironment(registry.store.rows, tenant, environment)),
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/environments/:environment/models/:model",
    summary: "What the environment serves, verified now, with its proofs",
    access: { type: "action", action: "version:load", resource: inEnvironment },
    schema: {
      params: LoadParams,
      answer: Type.Object({
        model: Type.String(),
        version: Type.Integer(),
        environment: Type.String(),
        rootDigest: Sha256,
        files: Type.Array(File),
        attestation: Type.Unknown(),
        event: Type.String(),
        proof: Type.String(),
        logKey: Type.String(),
      }),
    },
    handle: async ({ registry, principal, params: { environment, model } }) => ({
      body: await loadRelease(registry, principal.tenant, environment, model),
    }),
  }),
  route({
    method: "GET",
    path: "/api/v1/environments/:environment/models/:model/files/*",
    summary: "A file of what the environment serves",
    access: { type: "action", action: "version:load", resource: inEnvironment },
    schema: {
      params: Type.Object({ environment: Type.String(), model: Type.String(), "*": Type.String({ maxLength: 1024 }) }),
    },
    async handle({ registry, principal: { tenant }, params: { environment, model, "*": path } }) {
      const release = await loadRelease(registry, tenant, environment, model);
      const file = release.files.find((each) => each.path === path);
      if (file === undefined)
        throw new RegistryError(
          "NOT_FOUND",
          `version ${release.version} of ${model} has no file ${JSON.stringify(path)}`,
        );
      const { blob_prefix } = await findEnvironment(registry.store.rows, tenant, environment);
      return {
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(file.size),
          "content-disposition": "attachment",
          etag: `"${file.sha256}"`,
        },
        stream: await registry.store.blobs.get(blob_prefix, file.sha256),
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/promotions",
    summary: "Ask for a version to be released in an environment",
    access: {
      type: "action",
      action: "promotion:request",
      resource: ({ principal, body: { model, environment } }) => ({ ...modelResource(principal, model), environment }),
    },
    schema: {
      body: Type.Object(
        {
          model: Type.String(),
          version: Type.Integer({ minimum: 1 }),
          environment: Type.String(),
          reason: Type.Optional(Type.String({ maxLength: 1000 })),
          days: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 90, description: "How long it is good for; 14 by default." }),
          ),
        },
        { additionalProperties: false },
      ),
      answer: Promotion,
    },
    handle: async ({ registry, principal, body }) => ({
      status: 201,
      body: await requestPromotion(registry, principal, body),
    }),
  }),
  route({
    method: "GET",
    path: "/api/v1/models/:model/promotions",
    summary: "Promotions of a model, newest first",
    access: {
      type: "action",
      action: "promotion:read",
      resource: ({ principal, params: { model } }) => modelResource(principal, model),
    },
    schema: { params: Type.Object({ model: Type.String() }), query: Page, answer: pageOf(Promotion) },
    async handle({ registry, principal: { tenant }, params: { model }, query: { limit = 100, after } }) {
      const rows = await listPromotions(registry, tenant, {
        model,
        limit: limit + 1,
        ...(after === undefined ? {} : { after }),
      });
      const items = await Promise.all(rows.slice(0, limit).map(({ id }) => getPromotion(registry, tenant, id)));
      return { body: { items, ...(rows.length > limit ? { next: items.at(-1)!.id } : {}) } };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/promotions/:id",
    summary: "One promotion",
    access: { type: "action", action: "promotion:read", resource: promotionOf },
    schema: { params: IdParams, answer: Promotion },
    handle: async ({ registry, principal, params: { id } }) => ({
      body: await getPromotion(registry, principal.tenant, id),
    }),
  }),
  route({
    method: "POST",
    path: "/api/v1/promotions/:id/approvals",
    summary: "Approve or refuse a promotion; the digest says what you looked at",
    access: { type: "action", action: "promotion:approve", resource: promotionOf },
    schema: {
      params: IdParams,
      body: Type.Object(
        {
          verdict: Type.Enum(["approve", "refuse"]),
          rootDigest: Sha256,
          comment: Type.Optional(Type.String({ maxLength: 1000 })),
        },
        { additionalProperties: false },
      ),
      answer: Promotion,
    },
    handle: async ({ registry, principal, params: { id }, body }) => ({
      status: 201,
      body: await voteOnPromotion(registry, principal, id, body),
    }),
  }),
  route({
    method: "POST",
    path: "/api/v1/promotions/:id/release",
    summary: "Release what was approved",
    access: { type: "action", action: "promotion:release", resource: promotionOf },
    schema: { params: IdParams, answer: Promotion },
    handle: async ({ registry, principal, params: { id } }) => ({
      body: await releasePromotion(registry, principal, id),
    }),
  }),
  route({
    method: "POST",
    path: "/api/v1/promotions/:id/revoke",
    summary: "Take a promotion back; nothing is served any more where it was released",
    access: { type: "action", action: "promotion:revoke", resource: promotionOf },
    schema: {
      params: IdParams,
      body: Type.Object({ reason: Reason }, { additionalProperties: false }),
      answer: Promotion,
    },
    handle: async ({ registry, principal, params: { id }, body: { reason } }) => ({
      body: await revokePromotion(registry, principal, id, reason),
    }),
  }),
];
