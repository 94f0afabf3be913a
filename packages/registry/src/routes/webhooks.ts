import Type from "typebox";
import { actionNames } from "../access/actions.ts";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { checkWebhookUrl } from "../webhooks/address.ts";
import { createWebhook, deleteWebhook, listDeliveries, listWebhooks, setWebhookActive } from "../webhooks/webhooks.ts";
import { Instant } from "./schemas.ts";

const manage = {
  type: "action",
  action: "webhook:manage",
  resource: ({ principal: { tenant } }: Pick<Call, "principal">) => ({ tenant, type: "Tenant", id: tenant }) as const,
} as const;
const IdParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
const fields = {
  id: Type.String(),
  name: Type.String(),
  url: Type.String(),
  events: Type.Array(Type.String()),
  description: Type.String(),
  isActive: Type.Boolean(),
  createdAt: Instant,
};

/** `allowPrivate` as for deliveries: a URL that could not be delivered to is refused when it is given. */
export function webhookRoutes({ allowPrivate }: { readonly allowPrivate: boolean }): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/api/v1/webhooks",
      summary: "Tell an https address of actions; the secret that signs deliveries is shown this once",
      access: manage,
      hasSecret: true,
      schema: {
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 200 }),
            url: Type.String({ maxLength: 2000 }),
            events: Type.Array(Type.Enum(["*", "version:ready", "version:failed", ...actionNames]), {
              minItems: 1,
              maxItems: 100,
            }),
            description: Type.Optional(Type.String({ maxLength: 1000 })),
            secret: Type.Optional(Type.String({ maxLength: 500 })),
          },
          { additionalProperties: false },
        ),
        answer: Type.Object({ ...fields, secret: Type.String() }),
      },
      async handle({ registry, principal, body }) {
        checkWebhookUrl(body.url, { allowPrivate });
        return { status: 201, body: await createWebhook(registry, principal, body) };
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/webhooks",
      summary: "Webhooks, without their secrets",
      access: manage,
      schema: { answer: Type.Object({ items: Type.Array(Type.Object(fields)) }) },
      handle: async ({ registry, principal }) => ({ body: { items: await listWebhooks(registry, principal.tenant) } }),
    }),
    route({
      method: "GET",
      path: "/api/v1/webhooks/:id/deliveries",
      summary: "The latest deliveries of a webhook, newest first: what was answered, what is tried again when",
      access: manage,
      schema: {
        params: IdParams,
        query: Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })) }),
        answer: Type.Object({
          items: Type.Array(
            Type.Object({
              id: Type.String(),
              sequence: Type.Integer(),
              attempts: Type.Integer(),
              lastStatus: Type.String(),
              isDone: Type.Boolean(),
              at: Instant,
            }),
          ),
        }),
      },
      handle: async ({ registry, principal, params: { id }, query: { limit } }) => ({
        body: { items: await listDeliveries(registry, principal, id, limit) },
      }),
    }),
    route({
      method: "PATCH",
      path: "/api/v1/webhooks/:id",
      summary: "Switch a webhook on or off",
      access: manage,
      schema: { params: IdParams, body: Type.Object({ isActive: Type.Boolean() }, { additionalProperties: false }) },
      async handle({ registry, principal, params: { id }, body: { isActive } }) {
        await setWebhookActive(registry, principal, id, isActive);
        return {};
      },
    }),
    route({
      method: "DELETE",
      path: "/api/v1/webhooks/:id",
      summary: "Take a webhook away",
      access: manage,
      schema: { params: IdParams },
      async handle({ registry, principal, params: { id } }) {
        await deleteWebhook(registry, principal, id);
        return {};
      },
    }),
  ];
}
