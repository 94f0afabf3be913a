import { createHash, timingSafeEqual } from "node:crypto";
import type { Selectable } from "kysely";
import { type Action, actionNames } from "../access/actions.ts";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";

export type TokenRow = Selectable<Tables["tokens"]>;

export interface NewToken {
  readonly name: string;
  /** Actions that it is good for; all of its owner's if absent. */
  readonly scopes?: readonly Action[];
  readonly expiresAt?: number;
}

const TOKEN = /^cmt_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})$/;

/** Makes a token of an account: the only time that it is seen whole. Throws INVALID, and FORBIDDEN for more than the asking token may. */
export async function createToken(
  registry: Registry,
  principal: Principal,
  userId: string,
  given: NewToken,
): Promise<{ readonly id: string; readonly token: string }> {
  refuseWider(principal, given.scopes);
  const made = newToken(registry);
  await change(registry, principal, async ({ rows, record }) => {
    await insertToken(rows, { ...given, tenant: principal.tenant, userId, at: registry.now(), ...made });
    await record({
      action: "user:manage",
      resource: `users/${userId}/tokens/${made.id}`,
      details: { created: given.name, scopes: given.scopes ?? null },
    });
  });
  return { id: made.id, token: made.token };
}

/** A new token for the same purpose; the old one is good for `overlap` milliseconds more. Throws NOT_FOUND, FORBIDDEN, and CONFLICT for one that has ended. */
export async function rotateToken(
  registry: Registry,
  principal: Principal,
  id: string,
  overlap: number,
): Promise<{ readonly id: string; readonly token: string }> {
  const made = newToken(registry);
  await change(registry, principal, async ({ rows, record }) => {
    const old = await ownToken(rows, principal, id);
    const now = registry.now();
    const scopes = old.scopes === null ? {} : { scopes: JSON.parse(old.scopes) };
    refuseWider(principal, scopes.scopes);
    if (hasEnded(old, now)) throw new RegistryError("CONFLICT", "the token has ended; make a new one");
    const lifetime = old.expires_at === null ? undefined : now + (old.expires_at - old.created_at);
    await insertToken(rows, {
      name: old.name,
      ...scopes,
      ...(lifetime === undefined ? {} : { expiresAt: lifetime }),
      tenant: old.tenant,
      userId: old.user_id,
      at: now,
      ...made,
    });
    await rows
      .updateTable("tokens")
      .set({ expires_at: Math.min(now + overlap, old.expires_at ?? Number.MAX_SAFE_INTEGER) })
      .where("id", "=", id)
      .execute();
    await record({
      action: "user:manage",
      resource: `users/${old.user_id}/tokens/${id}`,
      details: { rotatedTo: made.id },
    });
  });
  return { id: made.id, token: made.token };
}

/** Ends a token now. Throws NOT_FOUND. */
export async function revokeToken(registry: Registry, principal: Principal, id: string): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    const { user_id } = await ownToken(rows, principal, id);
    await rows.updateTable("tokens").set({ revoked_at: registry.now() }).where("id", "=", id).execute();
    await record({ action: "user:manage", resource: `users/${user_id}/tokens/${id}`, details: { revoked: true } });
  });
}

/** An account's tokens, without their secrets. */
export async function listTokens({ store }: Registry, tenant: string, userId: string): Promise<readonly TokenRow[]> {
  return await store.rows
    .selectFrom("tokens")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("user_id", "=", userId)
    .orderBy("created_at")
    .execute();
}

/** The live token's row, or undefined: unknown, ended, expired or changed ones are one answer. */
export async function findToken({ store, now }: Registry, token: string): Promise<TokenRow | undefined> {
  const [, id] = TOKEN.exec(token) ?? [];
  if (id === undefined) return undefined;
  const row = await store.rows.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined || !isSame(row.hash, hashOf(token)) || hasEnded(row, now()) ? undefined : row;
}

/** Whether a token is revoked or past its time. */
export function hasEnded({ revoked_at, expires_at }: TokenRow, now: number): boolean {
  return revoked_at !== null || (expires_at !== null && expires_at <= now);
}

/** A token makes no other that is good for more than itself. Throws FORBIDDEN. */
function refuseWider({ scopes: own }: Principal, scopes: readonly Action[] | undefined): void {
  if (own !== undefined && (scopes === undefined || scopes.some((scope) => !own.includes(scope))))
    throw new RegistryError("FORBIDDEN", "scopes: a token with scopes makes none that is good for more");
}

export function newToken({ randomBytes }: Pick<Registry, "randomBytes">): {
  readonly id: string;
  readonly token: string;
} {
  const id = [...randomBytes(12)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
  return { id, token: `cmt_${id}_${randomBytes(32).toString("base64url")}` };
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export async function insertToken(
  rows: Change["rows"],
  {
    name,
    scopes,
    expiresAt,
    tenant,
    userId,
    at,
    id,
    token,
  }: NewToken & {
    readonly tenant: string;
    readonly userId: string;
    readonly at: number;
    readonly id: string;
    readonly token: string;
  },
): Promise<void> {
  const unknown = scopes?.find((scope) => !actionNames.includes(scope));
  if (unknown !== undefined)
    throw new RegistryError(
      "INVALID",
      `scopes: expected actions such as ${actionNames[0]}, got ${JSON.stringify(unknown)}`,
    );
  if (expiresAt !== undefined && expiresAt <= at)
    throw new RegistryError("INVALID", "expiresAt: expected a time in the future");
  const owner = await rows
    .selectFrom("users")
    .select("id")
    .where("tenant", "=", tenant)
    .where("id", "=", userId)
    .executeTakeFirst();
  if (owner === undefined) throw new RegistryError("NOT_FOUND", `there is no account ${JSON.stringify(userId)}`);
  await rows
    .insertInto("tokens")
    .values({
      tenant,
      id,
      user_id: userId,
      name,
      hash: hashOf(token),
      scopes: scopes === undefined ? null : JSON.stringify(scopes),
      created_at: at,
      expires_at: expiresAt ?? null,
      last_used_at: null,
      revoked_at: null,
    })
    .execute();
}

async function ownToken(rows: Change["rows"], { tenant }: Principal, id: string): Promise<TokenRow> {
  const row = await rows
    .selectFrom("tokens")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no token ${JSON.stringify(id)}`);
  return row;
}

export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Compares two secrets, or what is kept of them, in a time that tells nothing. */
export function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(a)), Buffer.from(hashOf(b)));
}
