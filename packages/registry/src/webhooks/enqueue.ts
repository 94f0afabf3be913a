import type { Transaction } from "kysely";
import { mlflowBodyOf } from "../mlflow/webhooks/payload.ts";
import type { Tables } from "../tables/tables.ts";

/** Puts an event into the queue of every webhook that wants it, in the event's own transaction. */
export async function enqueue(
  rows: Transaction<Tables>,
  {
    tenant,
    sequence,
    action,
    entry,
    at,
  }: {
    readonly tenant: string;
    readonly sequence: number;
    readonly action: string;
    readonly entry: string;
    readonly at: number;
  },
): Promise<void> {
  const webhooks = await rows
    .selectFrom("webhooks")
    .select(["id", "events"])
    .where("tenant", "=", tenant)
    .where("active", "=", 1)
    .execute();
  for (const { id, events } of webhooks) {
    const wanted: readonly string[] = JSON.parse(events);
    const isWanted = wanted.includes("*") || wanted.includes(action);
    const body = isWanted ? entry : await mlflowBodyOf(rows, tenant, entry, wanted);
    if (body === undefined) continue;
    await rows
      .insertInto("webhook_deliveries")
      .values({
        tenant,
        id: `d-${sequence}-${id}`,
        webhook: id,
        sequence,
        attempts: 0,
        next_at: at,
        done_at: null,
        last_status: "",
        body,
      })
      .execute();
  }
}
