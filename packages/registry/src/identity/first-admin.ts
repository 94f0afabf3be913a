import { firstTenant, type Principal } from "../access/principal.ts";
import { change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import { hashPassword } from "./passwords.ts";
import { insertUser } from "./users.ts";

/** The server itself, or the command on its machine, as an actor. */
export function localPrincipal(tenant = firstTenant): Principal {
  return {
    tenant,
    id: "local",
    name: "local",
    kind: "service",
    grants: [{ role: "admin", model: "*", environment: "*" }],
    method: "local",
    credential: "",
    address: "local",
  };
}

/** An administrator with a password for one use. */
export interface FirstAdmin {
  readonly name: string;
  readonly password: string;
}

/**
 * Where a tenant has no account yet, makes its administrator with a password that nobody knows but who reads it here, and that must be
 * changed before anything else. Undefined where there are accounts.
 */
export async function createFirstAdmin(registry: Registry, tenant = firstTenant): Promise<FirstAdmin | undefined> {
  const principal = localPrincipal(tenant);
  const accounts = (rows: Pick<Registry["store"]["rows"], "selectFrom">) =>
    rows.selectFrom("users").select("id").where("tenant", "=", tenant).limit(1).executeTakeFirst();
  const name = "admin";
  const existing = await accounts(registry.store.rows);
  if (existing !== undefined) return undefined;
  const password = registry.randomBytes(18).toString("base64url");
  const kept = await hashPassword(password, name);
  const id = `u-${registry.randomBytes(9).toString("base64url")}`;
  return await change(registry, principal, async ({ rows, record }) => {
    const other = await accounts(rows);
    if (other !== undefined) return undefined; // another process was first
    const at = registry.now();
    await insertUser(rows, {
      tenant: principal.tenant,
      id,
      name,
      kind: "person",
      password: kept,
      mustChange: true,
      at,
    });
    await rows
      .insertInto("grants")
      .values({
        tenant: principal.tenant,
        id: `g-${id.slice(2)}`,
        user_id: id,
        role: "admin",
        model: "*",
        environment: "*",
        granted_by: principal.id,
        created_at: at,
        expires_at: null,
      })
      .execute();
    await record({ action: "user:manage", resource: `users/${id}`, details: { created: "first administrator" } });
    return { name, password };
  });
}
