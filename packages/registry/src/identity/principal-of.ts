import type { Action, Role } from "../access/actions.ts";
import type { Principal } from "../access/principal.ts";
import type { Registry } from "../registry.ts";
import type { UserRow } from "./users.ts";

/** An account with its present roles, as somebody who asks for something. */
export async function principalOf(
  { store, now }: Registry,
  { tenant, id, name, kind }: UserRow,
  proof: {
    readonly method: Principal["method"];
    readonly credential: string;
    readonly address: string;
    readonly scopes?: readonly Action[];
  },
): Promise<Principal> {
  const at = now();
  const grants = await store.rows
    .selectFrom("grants")
    .select(["role", "model", "environment", "expires_at"])
    .where("tenant", "=", tenant)
    .where("user_id", "=", id)
    .execute();
  return {
    tenant,
    id,
    name,
    kind,
    grants: grants
      .filter(({ expires_at }) => expires_at === null || expires_at > at)
      .map(({ role, model, environment }) => ({ role: role as Role, model, environment })),
    ...proof,
  };
}
