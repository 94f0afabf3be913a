import { timingSafeEqual } from "node:crypto";
import type { Selectable } from "kysely";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { keyOf } from "../models/names.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { hashPassword, isPassword } from "./passwords.ts";
import { principalOf } from "./principal-of.ts";
import { hashOf } from "./tokens.ts";
import type { UserRow } from "./users.ts";

/** What a browser gets: the cookie's value, and what it must send with everything that changes something. */
export interface NewSession {
  readonly cookie: string;
  readonly csrf: string;
  readonly expiresAt: number;
  readonly mustChangePassword: boolean;
}

const SESSION_LENGTH = 12 * 60 * 60 * 1000;
const FREE_FAILURES = 5;
const LONGEST_WAIT = 60 * 60 * 1000;

/** Opens a session. Throws UNAUTHENTICATED, the same for every reason, and TOO_MANY_REQUESTS after failures. */
export async function signIn(
  registry: Registry,
  {
    tenant = "default",
    name,
    password,
    address,
  }: { readonly tenant?: string; readonly name: string; readonly password: string; readonly address: string },
): Promise<NewSession> {
  const user = await checkPassword(registry, { tenant, name, password, address });
  return await openSession(registry, user, address);
}

/** A session of an account that has proved itself. */
export async function openSession(registry: Registry, user: UserRow, address: string): Promise<NewSession> {
  const { tenant } = user;
  const cookie = registry.randomBytes(32).toString("base64url");
  const csrf = registry.randomBytes(32).toString("base64url");
  const now = registry.now();
  await change(
    registry,
    await principalOf(registry, user, { method: "password", credential: "", address }),
    async ({ rows, record }) => {
      await rows.deleteFrom("sessions").where("expires_at", "<=", now).execute();
      await rows
        .insertInto("sessions")
        .values({
          tenant,
          hash: hashOf(cookie),
          user_id: user.id,
          csrf,
          created_at: now,
          expires_at: now + SESSION_LENGTH,
        })
        .execute();
      await record({ action: "session:open", resource: `users/${user.id}` });
    },
  );
  return { cookie, csrf, expiresAt: now + SESSION_LENGTH, mustChangePassword: user.must_change_password === 1 };
}

/** The account, if name and password are right. Each failure makes the next answer come later, for the account and for the address. */
export async function checkPassword(
  registry: Registry,
  {
    tenant,
    name,
    password,
    address,
  }: { readonly tenant: string; readonly name: string; readonly password: string; readonly address: string },
): Promise<UserRow> {
  const keys = [`account:${tenant}:${keyOf(name)}`, `address:${address}`];
  await refuseWhileSlowed(registry, keys);
  const user = await registry.store.rows
    .selectFrom("users")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name_key", "=", keyOf(name))
    .executeTakeFirst();
  const isRight = (await isPassword(password, user?.password ?? null)) && user?.disabled_at === null;
  await registry.store.write(async (rows) => {
    if (isRight) await rows.deleteFrom("login_failures").where("key", "=", keys[0]!).execute();
    else
      for (const key of keys)
        await rows
          .insertInto("login_failures")
          .values({ key, count: 1, last_at: registry.now() })
          .onConflict((conflict) =>
            conflict
              .column("key")
              .doUpdateSet((set) => ({ count: set("login_failures.count", "+", 1), last_at: registry.now() })),
          )
          .execute();
  });
  if (!isRight || user === undefined) throw new RegistryError("UNAUTHENTICATED", "name or password is not right");
  return user;
}

async function refuseWhileSlowed({ store, now }: Registry, keys: readonly string[]): Promise<void> {
  const rows = await store.rows.selectFrom("login_failures").selectAll().where("key", "in", keys).execute();
  const wait = Math.max(0, ...rows.map((row) => row.last_at + waitAfter(row.count, row.key) - now()));
  if (wait > 0)
    throw new RegistryError("TOO_MANY_REQUESTS", `too many failures; try again in ${Math.ceil(wait / 1000)} s`);
}

/** One second after the sixth failure, and twice as long after each more; many people may share an address. */
function waitAfter(count: number, key: string): number {
  const free = key.startsWith("address:") ? FREE_FAILURES * 10 : FREE_FAILURES;
  return count <= free ? 0 : Math.min(LONGEST_WAIT, 1000 * 2 ** (count - free - 1));
}

/** Sets a new password where the old one is right; ends all sessions of the account. Throws UNAUTHENTICATED, INVALID. */
export async function changePassword(
  registry: Registry,
  given: {
    readonly tenant?: string;
    readonly name: string;
    readonly oldPassword: string;
    readonly newPassword: string;
    readonly address: string;
  },
): Promise<void> {
  const { tenant = "default", name, oldPassword, newPassword, address } = given;
  const user = await checkPassword(registry, { tenant, name, password: oldPassword, address });
  if (oldPassword === newPassword) throw new RegistryError("INVALID", "newPassword: expected another one");
  const password = await hashPassword(newPassword, user.name);
  const principal = await principalOf(registry, user, { method: "password", credential: "", address });
  await change(registry, principal, async ({ rows, record }) => {
    await rows
      .updateTable("users")
      .set({ password, must_change_password: 0 })
      .where("tenant", "=", tenant)
      .where("id", "=", user.id)
      .execute();
    await rows.deleteFrom("sessions").where("user_id", "=", user.id).execute();
    await record({ action: "password:change", resource: `users/${user.id}` });
  });
}

/** The live session of a cookie. With an unsafe method, throws FORBIDDEN unless the header has the session's token. */
export async function findSession(
  { store, now }: Registry,
  cookie: string,
  { method, csrf }: { readonly method: string; readonly csrf: string },
): Promise<Selectable<Tables["sessions"]> | undefined> {
  const session = await store.rows
    .selectFrom("sessions")
    .selectAll()
    .where("hash", "=", hashOf(cookie))
    .executeTakeFirst();
  if (session === undefined || session.expires_at <= now()) return undefined;
  const isSafe = method === "GET" || method === "HEAD";
  if (!isSafe && !isSame(csrf, session.csrf))
    throw new RegistryError("FORBIDDEN", "X-CSRF-Token: expected the one that came with the session");
  return session;
}

/** Ends a session. */
export async function signOut(registry: Registry, cookie: string): Promise<void> {
  await registry.store.write((rows) => rows.deleteFrom("sessions").where("hash", "=", hashOf(cookie)).execute());
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(hashOf(a)), Buffer.from(hashOf(b)));
}
