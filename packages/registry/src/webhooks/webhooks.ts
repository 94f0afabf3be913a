import { digestOf } from "@casemate/evidence";
import type { Selectable } from "kysely";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";

export type WebhookRow = Selectable<Tables["webhooks"]>;

/** Who is told of which actions; the secret is never shown again. */
export interface WebhookView {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  /** Actions such as `promotion:release`, or `*` for all. */
  readonly events: readonly string[];
  readonly description: string;
  readonly isActive: boolean;
  readonly createdAt: string;
}

export interface NewWebhook {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly description?: string;
  /** At least 16 characters; drawn where there is none. */
  readonly secret?: string;
}

/** Adds a webhook; returns the secret that its deliveries are signed with. The URL is checked by who calls this. */
export async function createWebhook(
  registry: Registry,
  principal: Principal,
  { name, url, events, description = "", secret = registry.randomBytes(32).toString("base64url") }: NewWebhook,
): Promise<WebhookView & { readonly secret: string }> {
  if (secret.length < 16)
    throw new RegistryError("INVALID", `secret: expected at least 16 characters, got ${secret.length}`);
  const { tenant } = principal;
  const id = `w-${registry.randomBytes(9).toString("base64url")}`;
  const at = registry.now();
  const row = {
    tenant,
    id,
    name,
    url,
    events: JSON.stringify(events),
    secret,
    description,
    active: 1,
    created_by: principal.id,
    created_at: at,
    updated_at: at,
  };
  await change(registry, principal, async ({ rows, record }) => {
    await rows.insertInto("webhooks").values(row).execute();
    await record({ action: "webhook:manage", resource: `webhooks/${id}`, after: digestOf({ name, url, events }) });
  });
  return { ...viewOf(row), secret };
}

export async function listWebhooks({ store }: Registry, tenant: string): Promise<readonly WebhookView[]> {
  return (
    await store.rows.selectFrom("webhooks").selectAll().where("tenant", "=", tenant).orderBy("created_at").execute()
  ).map(viewOf);
}

/** What became of an event that a webhook is told of. */
export interface DeliveryView {
  readonly id: string;
  readonly sequence: number;
  readonly attempts: number;
  /** The status of the last answer, or why there was none; "" before the first attempt. */
  readonly lastStatus: string;
  readonly isDone: boolean;
  readonly at: string;
}

/** The latest deliveries of a webhook, newest first; done ones are kept for a week. Throws NOT_FOUND. */
export async function listDeliveries(
  { store }: Registry,
  principal: Principal,
  webhook: string,
  limit = 100,
): Promise<readonly DeliveryView[]> {
  await requireWebhook(store.rows, principal, webhook);
  const rows = await store.rows
    .selectFrom("webhook_deliveries")
    .selectAll()
    .where("tenant", "=", principal.tenant)
    .where("webhook", "=", webhook)
    .orderBy("sequence", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ id, sequence, attempts, last_status, done_at, next_at }) => ({
    id,
    sequence,
    attempts,
    lastStatus: last_status,
    isDone: done_at !== null,
    at: new Date(done_at ?? next_at).toISOString(),
  }));
}

/** Switches a webhook on or off. Throws NOT_FOUND. */
export async function setWebhookActive(
  registry: Registry,
  principal: Principal,
  id: string,
  isActive: boolean,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    await requireWebhook(rows, principal, id);
    await rows
      .updateTable("webhooks")
      .set({ active: isActive ? 1 : 0, updated_at: registry.now() })
      .where("tenant", "=", principal.tenant)
      .where("id", "=", id)
      .execute();
    await record({ action: "webhook:manage", resource: `webhooks/${id}`, details: { active: isActive } });
  });
}

/** Takes a webhook away, with what waits for it. Throws NOT_FOUND. */
export async function deleteWebhook(registry: Registry, principal: Principal, id: string): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    await requireWebhook(rows, principal, id);
    await rows
      .deleteFrom("webhook_deliveries")
      .where("tenant", "=", principal.tenant)
      .where("webhook", "=", id)
      .execute();
    await rows.deleteFrom("webhooks").where("tenant", "=", principal.tenant).where("id", "=", id).execute();
    await record({ action: "webhook:manage", resource: `webhooks/${id}`, details: { deleted: true } });
  });
}

async function requireWebhook(
  rows: Pick<Change["rows"], "selectFrom">,
  { tenant }: Principal,
  id: string,
): Promise<void> {
  const row = await rows
    .selectFrom("webhooks")
    .select("id")
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no webhook ${JSON.stringify(id)}`);
}

function viewOf({ id, name, url, events, description, active, created_at }: WebhookRow): WebhookView {
  return {
    id,
    name,
    url,
    events: JSON.parse(events),
    description,
    isActive: active === 1,
    createdAt: new Date(created_at).toISOString(),
  };
}
