import type { Selectable } from "kysely";
import type { Resource } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import type { Change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { PromotionState, Tables } from "../tables/tables.ts";

export type PromotionRow = Selectable<Tables["promotions"]>;

/** Throws NOT_FOUND. */
export async function findPromotion(
  rows: Pick<Change["rows"], "selectFrom">,
  tenant: string,
  id: string,
): Promise<PromotionRow> {
  const row = await rows
    .selectFrom("promotions")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no promotion ${JSON.stringify(id)}`);
  return row;
}

/** Throws CONFLICT unless a promotion is in one of the states, and its time is not over. */
export function requireLive(promotion: PromotionRow, states: readonly PromotionState[], now: number): void {
  if (!states.includes(promotion.state))
    throw new RegistryError("CONFLICT", `promotion ${promotion.id} is ${promotion.state}, not ${states.join(" or ")}`);
  if (promotion.expires_at <= now)
    throw new RegistryError(
      "CONFLICT",
      `promotion ${promotion.id} expired on ${new Date(promotion.expires_at).toISOString()}`,
    );
}

export async function setState(
  rows: Change["rows"],
  { tenant, id, revision }: PromotionRow,
  state: PromotionState,
  now: number,
): Promise<void> {
  const isClosed = state !== "open" && state !== "approved";
  await rows
    .updateTable("promotions")
    .set({ state, closed_at: isClosed ? now : null, revision: revision + 1 })
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .execute();
}

/** A promotion as the policies see it: its model and environment, and the version's author. */
export async function promotionResource({ store }: Registry, tenant: string, id: string): Promise<Resource> {
  const { model, environment, author } = await findPromotion(store.rows, tenant, id);
  return { tenant, type: "Promotion", id, model, environment, author };
}
