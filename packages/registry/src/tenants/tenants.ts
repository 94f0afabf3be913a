import { firstTenant, type Principal } from "../access/principal.ts";
import { createEnvironments } from "../environments/environments.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { createFirstAdmin, type FirstAdmin, localPrincipal } from "../identity/first-admin.ts";
import type { Registry } from "../registry.ts";

/**
 * Makes a tenant: environments with keys and storage of their own, and an administrator with a password for one use. What a crash left half
 * made is made whole by asking again. Throws INVALID for a name that is none, ALREADY_EXISTS.
 */
export async function createTenant(registry: Registry, principal: Principal, name: string): Promise<FirstAdmin> {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    throw new RegistryError(
      "INVALID",
      `name: expected up to 40 small letters, digits and "-", a letter first, got ${JSON.stringify(name.slice(0, 100))}`,
    );
  const taken = () => new RegistryError("ALREADY_EXISTS", `there is a tenant ${name} already`);
  if (name === firstTenant || (await hasAccounts(registry, name))) throw taken();
  const own = localPrincipal(name);
  await change(registry, principal, ({ record }) => record({ action: "tenant:manage", resource: `tenants/${name}` }));
  await createEnvironments(registry, own);
  const administrator = await createFirstAdmin(registry, name);
  if (administrator === undefined) throw taken();
  return administrator;
}

/** Names of tenants in order. */
export async function listTenants({ store }: Registry): Promise<readonly string[]> {
  const rows = await store.rows.selectFrom("environments").select("tenant").distinct().orderBy("tenant").execute();
  return rows.map(({ tenant }) => tenant);
}

async function hasAccounts({ store }: Registry, tenant: string): Promise<boolean> {
  const row = await store.rows
    .selectFrom("users")
    .select("id")
    .where("tenant", "=", tenant)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
