import { firstTenant, type Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import type { Authenticate } from "../http/authenticate.ts";
import type { Registry } from "../registry.ts";
import { principalOf } from "./principal-of.ts";
import { rememberPasswords } from "./recent-passwords.ts";
import { findSession, USE_RESOLUTION } from "./sign-in.ts";
import { findToken, hasEnded } from "./tokens.ts";
import type { UserRow } from "./users.ts";

export const SESSION_COOKIE = "casemate_session";

/** By token (Bearer, or as the password of Basic), by password (Basic), or by session cookie. */
export function openAuthentication({ randomBytes }: Pick<Registry, "randomBytes">): Authenticate {
  const passwords = rememberPasswords(randomBytes(32));
  return async (registry, { method, headers, address }) => {
    const [scheme = "", value = ""] = (headers.authorization ?? "").split(" ", 2);
    if (scheme.toLowerCase() === "bearer") return await byToken(registry, value, address);
    if (scheme.toLowerCase() === "basic") {
      const [name = "", ...rest] = Buffer.from(value, "base64").toString("utf8").split(":");
      const password = rest.join(":");
      if (password.startsWith("cmt_")) return await byToken(registry, password, address);
      const user = await passwords.check(registry, { ...accountOf(name), password, address });
      return await principal(registry, user, { method: "password", credential: "", address });
    }
    if (headers.authorization !== undefined)
      throw new RegistryError("UNAUTHENTICATED", "Authorization: expected Bearer or Basic");
    const cookie = cookieIn(headers.cookie ?? "", SESSION_COOKIE);
    if (cookie === undefined) return undefined;
    const csrf = headers["x-csrf-token"];
    const session = await findSession(registry, cookie, { method, csrf: typeof csrf === "string" ? csrf : "" });
    if (session === undefined) return undefined;
    const user = await findUser(registry, session.tenant, session.user_id);
    return user === undefined
      ? undefined
      : await principal(registry, user, { method: "session", credential: session.hash.slice(0, 12), address });
  };
}

/** "acme/ada" is ada of the tenant acme; names of accounts have no slash. */
function accountOf(text: string): { readonly tenant: string; readonly name: string } {
  const [first = "", second] = text.split("/", 2);
  return second === undefined ? { tenant: firstTenant, name: first } : { tenant: first, name: second };
}

async function byToken(registry: Registry, token: string, address: string): Promise<Principal> {
  const row = await findToken(registry, token);
  const user = row === undefined ? undefined : await findUser(registry, row.tenant, row.user_id);
  if (row === undefined || user === undefined)
    throw new RegistryError("UNAUTHENTICATED", "the token is not known, or has ended");
  const now = registry.now();
  if ((row.last_used_at ?? 0) < now - USE_RESOLUTION)
    await registry.store.write((rows) =>
      rows.updateTable("tokens").set({ last_used_at: now }).where("id", "=", row.id).execute(),
    );
  return await principal(registry, user, {
    method: "token",
    credential: row.id,
    address,
    ...(row.scopes === null ? {} : { scopes: JSON.parse(row.scopes) }),
  });
}

async function principal(
  registry: Registry,
  user: UserRow,
  proof: Parameters<typeof principalOf>[2],
): Promise<Principal> {
  // a password for one use lets itself be changed (a public route), and nothing else
  if (user.must_change_password === 1)
    throw new RegistryError("FORBIDDEN", "the password must be changed first: POST /api/v1/password");
  return await principalOf(registry, user, proof);
}

/** Somebody who was known a while ago, with the roles that they have now; undefined where account, token or session have ended. */
export async function renew(registry: Registry, before: Principal): Promise<Principal | undefined> {
  const { tenant, id, method, credential, address, scopes } = before;
  const { store, now } = registry;
  const user = await findUser(registry, tenant, id);
  if (user === undefined) return undefined;
  if (method === "token") {
    const token = await store.rows.selectFrom("tokens").selectAll().where("id", "=", credential).executeTakeFirst();
    if (token === undefined || hasEnded(token, now())) return undefined;
  }
  if (method === "session") {
    const session = await store.rows
      .selectFrom("sessions")
      .select("hash")
      .where("user_id", "=", id)
      .where("hash", "like", `${credential}%`)
      .where("expires_at", ">", now())
      .executeTakeFirst();
    if (session === undefined) return undefined;
  }
  return await principalOf(registry, user, {
    method,
    credential,
    address,
    ...(scopes === undefined ? {} : { scopes }),
  });
}

async function findUser({ store }: Registry, tenant: string, id: string): Promise<UserRow | undefined> {
  return await store.rows
    .selectFrom("users")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .where("disabled_at", "is", null)
    .executeTakeFirst();
}

/** The value of a cookie (RFC 6265), or undefined. */
export function cookieIn(header: string, name: string): string | undefined {
  for (const part of header.split(";")) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}
