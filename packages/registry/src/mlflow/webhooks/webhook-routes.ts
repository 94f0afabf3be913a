import { digestOf } from "@casemate/evidence";
import Type, { type Static } from "typebox";
import { RegistryError } from "../../errors.ts";
import { change } from "../../events/change.ts";
import { type Call, type Route, route } from "../../http/route.ts";
import type { Registry } from "../../registry.ts";
import { checkWebhookUrl } from "../../webhooks/address.ts";
import { sendOnce } from "../../webhooks/deliver.ts";
import { createWebhook, deleteWebhook, type WebhookRow } from "../../webhooks/webhooks.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import { isMlflowEvent, mlflowEvents } from "./payload.ts";

const manage = {
  type: "action",
  action: "webhook:manage",
  resource: ({ principal: { tenant } }: Pick<Call, "principal">) => ({ tenant, type: "Tenant", id: tenant }) as const,
} as const;
const IdParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
const Event = Type.Object({ entity: Type.String({ maxLength: 100 }), action: Type.String({ maxLength: 100 }) });
const Events = Type.Array(Event, { minItems: 1, maxItems: 100 });
const Url = Type.String({ minLength: 1, maxLength: 2000 });
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Status = Type.Enum(["ACTIVE", "DISABLED"]);
const Secret = Type.String({ minLength: 16, maxLength: 500 });
const Description = Type.String({ maxLength: 1000 });

/** Webhooks as MLflow's clients make them: they are told in MLflow's words, signed as MLflow signs. `allowPrivate` as for deliveries. */
export function mlflowWebhookRoutes({ allowPrivate }: { readonly allowPrivate: boolean }): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/mlflow/webhooks",
      summary: "Tell an https address of models, versions, tags and aliases",
      access: manage,
      schema: {
        body: Type.Object({
          name: Name,
          url: Url,
          events: Events,
          description: Type.Optional(Description),
          secret: Type.Optional(Secret),
          status: Type.Optional(Status),
        }),
      },
      async handle({ registry, principal, body }) {
        const { events, status = "ACTIVE", ...rest } = body;
        checkWebhookUrl(body.url, { allowPrivate });
        const { id } = await createWebhook(registry, principal, { ...rest, events: eventsOf(events) });
        if (status === "DISABLED") await update(registry, principal, id, { active: 0 });
        return { body: { webhook: viewOf(await find(registry, principal.tenant, id)) } };
      },
    }),
    route({
      method: "GET",
      path: "/mlflow/webhooks",
      summary: "Webhooks that MLflow clients made, without their secrets",
      access: manage,
      schema: {
        query: Type.Object({
          max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
          page_token: Type.Optional(Type.String({ maxLength: 100 })),
        }),
      },
      async handle({ registry, principal, query: { max_results = 100, page_token } }) {
        const offset = offsetOf(page_token);
        const rows = await registry.store.rows
          .selectFrom("webhooks")
          .selectAll()
          .where("tenant", "=", principal.tenant)
          .orderBy("created_at")
          .orderBy("id")
          .execute();
        const { page, next } = pageOf(
          rows.filter(isMlflows).slice(offset, offset + max_results + 1),
          max_results,
          offset,
        );
        return { body: { webhooks: page.map(viewOf), ...next } };
      },
    }),
    route({
      method: "GET",
      path: "/mlflow/webhooks/:id",
      summary: "One webhook",
      access: manage,
      schema: { params: IdParams },
      handle: async ({ registry, principal, params: { id } }) => ({
        body: { webhook: viewOf(await find(registry, principal.tenant, id)) },
      }),
    }),
    route({
      method: "PATCH",
      path: "/mlflow/webhooks/:id",
      summary: "Change a webhook",
      access: manage,
      schema: {
        params: IdParams,
        body: Type.Object({
          name: Type.Optional(Name),
          url: Type.Optional(Url),
          events: Type.Optional(Events),
          description: Type.Optional(Description),
          secret: Type.Optional(Secret),
          status: Type.Optional(Status),
        }),
      },
      async handle({ registry, principal, params: { id }, body: { events, status, ...rest } }) {
        await find(registry, principal.tenant, id);
        if (rest.url !== undefined) checkWebhookUrl(rest.url, { allowPrivate });
        await update(registry, principal, id, {
          ...rest,
          ...(events === undefined || events.length === 0 ? {} : { events: JSON.stringify(eventsOf(events)) }),
          ...(status === undefined ? {} : { active: status === "ACTIVE" ? 1 : 0 }),
        });
        return { body: { webhook: viewOf(await find(registry, principal.tenant, id)) } };
      },
    }),
    route({
      method: "DELETE",
      path: "/mlflow/webhooks/:id",
      summary: "Take a webhook away",
      access: manage,
      schema: { params: IdParams },
      async handle({ registry, principal, params: { id } }) {
        await find(registry, principal.tenant, id);
        await deleteWebhook(registry, principal, id);
        return { body: {} };
      },
    }),
    route({
      method: "POST",
      path: "/mlflow/webhooks/:id/test",
      summary: "Send an example to a webhook, once, and say what came of it",
      access: manage,
      schema: { params: IdParams, body: Type.Object({ event: Type.Optional(Event) }) },
      async handle({ registry, principal, params: { id }, body: { event } }) {
        const row = await find(registry, principal.tenant, id);
        const [entity, action] = (event === undefined ? JSON.parse(row.events)[0] : eventsOf([event])[0]).split(".");
        const body = JSON.stringify({
          entity: entity.toLowerCase(),
          action: action.toLowerCase(),
          timestamp: new Date(registry.now()).toISOString(),
          data: { name: "example" },
        });
        const delivery = `d-test-${registry.randomBytes(9).toString("base64url")}`;
        const status = await sendOnce(row, { id: delivery, body, now: registry.now(), allowPrivate });
        const isStatus = /^\d{3}$/.test(status);
        return {
          body: {
            result: {
              success: /^2\d\d$/.test(status),
              ...(isStatus ? { response_status: Number(status) } : { error_message: status }),
            },
          },
        };
      },
    }),
  ];
}

function eventsOf(events: readonly Static<typeof Event>[]): readonly string[] {
  return events.map(({ entity, action }) => {
    const event = `${entity}.${action}`;
    if (!isMlflowEvent(event))
      throw new RegistryError("INVALID", `events: expected ${mlflowEvents.join(", ")}, got ${JSON.stringify(event)}`);
    return event;
  });
}

function isMlflows({ events }: WebhookRow): boolean {
  return JSON.parse(events).some(isMlflowEvent);
}

async function find({ store }: Registry, tenant: string, id: string): Promise<WebhookRow> {
  const row = await store.rows
    .selectFrom("webhooks")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined || !isMlflows(row)) throw new RegistryError("NOT_FOUND", `Webhook with ID ${id} not found.`);
  return row;
}

async function update(
  registry: Registry,
  principal: Call["principal"],
  id: string,
  set: Partial<WebhookRow>,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    await rows
      .updateTable("webhooks")
      .set({ ...set, updated_at: registry.now() })
      .where("tenant", "=", principal.tenant)
      .where("id", "=", id)
      .execute();
    const { secret, ...told } = set;
    await record({
      action: "webhook:manage",
      resource: `webhooks/${id}`,
      after: digestOf(told),
      details: { secret: secret === undefined ? "kept" : "changed" },
    });
  });
}

function viewOf({ id, name, description, url, events, active, created_at, updated_at }: WebhookRow) {
  return {
    webhook_id: id,
    name,
    description,
    url,
    events: (JSON.parse(events) as readonly string[]).map((event) => {
      const [entity, action] = event.split(".");
      return { entity, action };
    }),
    status: active === 1 ? "ACTIVE" : "DISABLED",
    creation_timestamp: created_at,
    last_updated_timestamp: updated_at,
  };
}
