import type { Selectable } from "kysely";
import { type Role, roles } from "../access/actions.ts";
import type { Principal, RoleGrant } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import { keyOf } from "../models/names.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { hashPassword, keepPassword } from "./passwords.ts";

export type UserRow = Selectable<Tables["users"]>;

/** An account, as it is shown. */
export interface UserView {
  readonly id: string;
  readonly name: string;
  readonly kind: "person" | "service";
  readonly isDisabled: boolean;
  readonly createdAt: string;
  readonly grants: readonly (RoleGrant & { readonly id: string; readonly expiresAt: string | null })[];
}

export interface NewUser {
  readonly name: string;
  readonly kind: "person" | "service";
  /** Only for people; they must change it at the first sign-in. Without one they sign in elsewhere. */
  readonly password?: string;
}

/** Makes an account without any role. Throws INVALID, ALREADY_EXISTS. */
export async function createUser(registry: Registry, principal: Principal, given: NewUser): Promise<UserView> {
  const { kind, password } = given;
  const name = given.name.normalize("NFC");
  if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@-]{0,99}$/u.test(name))
    throw new RegistryError(
      "INVALID",
      `name: expected up to 100 letters, digits, ".", "_", "@" and "-", got ${JSON.stringify(given.name.slice(0, 100))}`,
    );
  if (kind === "service" && password !== undefined)
    throw new RegistryError("INVALID", "password: a service signs in with tokens only");
  const kept = password === undefined ? null : await hashPassword(password, name);
  const id = `u-${registry.randomBytes(9).toString("base64url")}`;
  await change(registry, principal, async ({ rows, record }) => {
    await insertUser(rows, {
      tenant: principal.tenant,
      id,
      name,
      kind,
      password: kept,
      mustChange: kept !== null,
      at: registry.now(),
    });
    await record({ action: "user:manage", resource: `users/${id}`, details: { created: kind } });
  });
  return await getUser(registry, principal.tenant, id);
}

/** Adds an account's row. Throws ALREADY_EXISTS for a name that reads like one that is there. */
export async function insertUser(
  rows: Change["rows"],
  {
    tenant,
    id,
    name,
    kind,
    password,
    mustChange,
    at,
  }: {
    readonly tenant: string;
    readonly id: string;
    readonly name: string;
    readonly kind: UserRow["kind"];
    readonly password: string | null;
    readonly mustChange: boolean;
    readonly at: number;
  },
): Promise<void> {
  const name_key = keyOf(name);
  const existing = await rows
    .selectFrom("users")
    .select("name")
    .where("tenant", "=", tenant)
    .where("name_key", "=", name_key)
    .executeTakeFirst();
  if (existing !== undefined)
    throw new RegistryError("ALREADY_EXISTS", `there is an account ${JSON.stringify(existing.name)} already`);
  await rows
    .insertInto("users")
    .values({
      tenant,
      id,
      name,
      name_key,
      kind,
      password,
      must_change_password: mustChange ? 1 : 0,
      disabled_at: null,
      created_at: at,
    })
    .execute();
}

/** The account of a name, however it is written. */
export async function findUserByName({ store }: Registry, tenant: string, name: string): Promise<UserRow | undefined> {
  return await store.rows
    .selectFrom("users")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name_key", "=", keyOf(name))
    .executeTakeFirst();
}

/** Throws NOT_FOUND. */
export async function getUser({ store }: Registry, tenant: string, id: string): Promise<UserView> {
  const row = await store.rows
    .selectFrom("users")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no account ${JSON.stringify(id)}`);
  const grants = await store.rows
    .selectFrom("grants")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("user_id", "=", id)
    .orderBy("created_at")
    .execute();
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    isDisabled: row.disabled_at !== null,
    createdAt: new Date(row.created_at).toISOString(),
    grants: grants.map((grant) => ({
      id: grant.id,
      role: grant.role as Role,
      model: grant.model,
      environment: grant.environment,
      expiresAt: grant.expires_at === null ? null : new Date(grant.expires_at).toISOString(),
    })),
  };
}

/** Accounts in order of name, from after `after`. */
export async function listUsers(
  { store }: Registry,
  tenant: string,
  { after = "", limit = 100 }: { readonly after?: string; readonly limit?: number } = {},
): Promise<readonly UserRow[]> {
  return await store.rows
    .selectFrom("users")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name", ">", after)
    .orderBy("name")
    .limit(limit)
    .execute();
}

/** Gives a role, for some models and environments and a time. Throws INVALID, NOT_FOUND, and FORBIDDEN for a role for oneself. */
export async function grantRole(
  registry: Registry,
  principal: Principal,
  userId: string,
  { role, model, environment, expiresAt }: RoleGrant & { readonly expiresAt?: number },
): Promise<string> {
  if (!roles.includes(role))
    throw new RegistryError("INVALID", `role: expected ${roles.join(", ")}, got ${JSON.stringify(role)}`);
  for (const pattern of [model, environment])
    if (pattern === "" || pattern.slice(0, -1).includes("*"))
      throw new RegistryError(
        "INVALID",
        `expected a name, or the beginning of one before "*", got ${JSON.stringify(pattern)}`,
      );
  if (userId === principal.id)
    throw new RegistryError("FORBIDDEN", "nobody gives roles to themselves; ask another administrator");
  const id = `g-${registry.randomBytes(9).toString("base64url")}`;
  await change(registry, principal, async ({ rows, record }) => {
    await requireUser(rows, principal.tenant, userId);
    await rows
      .insertInto("grants")
      .values({
        tenant: principal.tenant,
        id,
        user_id: userId,
        role,
        model,
        environment,
        granted_by: principal.id,
        created_at: registry.now(),
        expires_at: expiresAt ?? null,
      })
      .execute();
    await record({
      action: "user:manage",
      resource: `users/${userId}`,
      details: { granted: role, model, environment },
    });
  });
  return id;
}

/** Takes a role away. Throws NOT_FOUND, and FORBIDDEN for one's own as administrator: so there is always one left. */
export async function revokeGrant(
  registry: Registry,
  principal: Principal,
  userId: string,
  grantId: string,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    const grant = await rows
      .selectFrom("grants")
      .selectAll()
      .where("tenant", "=", principal.tenant)
      .where("id", "=", grantId)
      .where("user_id", "=", userId)
      .executeTakeFirst();
    if (grant === undefined) throw new RegistryError("NOT_FOUND", `there is no grant ${JSON.stringify(grantId)}`);
    if (grant.role === "admin" && userId === principal.id)
      throw new RegistryError("FORBIDDEN", "nobody stops being an administrator alone; ask another administrator");
    await rows.deleteFrom("grants").where("tenant", "=", principal.tenant).where("id", "=", grantId).execute();
    await record({
      action: "user:manage",
      resource: `users/${userId}`,
      details: { revoked: grant.role, model: grant.model, environment: grant.environment },
    });
  });
}

/** Locks an account out, its tokens and sessions with it, or lets it in again. Throws NOT_FOUND, and INVALID for one's own. */
export async function setDisabled(
  registry: Registry,
  principal: Principal,
  userId: string,
  isDisabled: boolean,
): Promise<void> {
  if (userId === principal.id) throw new RegistryError("INVALID", "nobody locks themselves out");
  await change(registry, principal, async ({ rows, record }) => {
    await requireUser(rows, principal.tenant, userId);
    await rows
      .updateTable("users")
      .set({ disabled_at: isDisabled ? registry.now() : null })
      .where("tenant", "=", principal.tenant)
      .where("id", "=", userId)
      .execute();
    if (isDisabled) await rows.deleteFrom("sessions").where("user_id", "=", userId).execute();
    await record({ action: "user:manage", resource: `users/${userId}`, details: { disabled: isDisabled } });
  });
}

/**
 * Gives a person a password for one use, which must be changed before anything else, and ends their sessions. Throws NOT_FOUND, and INVALID
 * for services, for who signs in elsewhere, and for oneself.
 */
export async function resetPassword(registry: Registry, principal: Principal, userId: string): Promise<string> {
  if (userId === principal.id) throw new RegistryError("INVALID", "one's own password is changed by the old one");
  const { tenant } = principal;
  const password = registry.randomBytes(18).toString("base64url");
  const kept = await keepPassword(password);
  await change(registry, principal, async ({ rows, record }) => {
    const { kind } = await requireUser(rows, tenant, userId);
    const federated = await rows
      .selectFrom("federated_users")
      .select("issuer")
      .where("tenant", "=", tenant)
      .where("user_id", "=", userId)
      .executeTakeFirst();
    if (kind === "service" || federated !== undefined)
      throw new RegistryError("INVALID", "a password is for people who sign in here");
    await rows
      .updateTable("users")
      .set({ password: kept, must_change_password: 1 })
      .where("tenant", "=", tenant)
      .where("id", "=", userId)
      .execute();
    await rows.deleteFrom("sessions").where("user_id", "=", userId).execute();
    await record({ action: "user:manage", resource: `users/${userId}`, details: { password: "reset" } });
  });
  return password;
}

async function requireUser(rows: Change["rows"], tenant: string, id: string): Promise<Pick<UserRow, "kind">> {
  const row = await rows
    .selectFrom("users")
    .select("kind")
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no account ${JSON.stringify(id)}`);
  return row;
}
