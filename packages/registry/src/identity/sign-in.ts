import type { Selectable } from "kysely";
import { firstTenant } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { anonymous } from "../http/authenticate.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { beginAttempt, type Guess } from "./attempts.ts";
import { hashPassword, isKeptOtherwise, isPassword, keepPassword } from "./passwords.ts";
import { principalOf } from "./principal-of.ts";
import { hashOf, isSame } from "./tokens.ts";
import { findUserByName, type UserRow } from "./users.ts";

/** What a browser gets: the cookie's value, and what it must send with everything that changes something. */
export interface NewSession {
  readonly cookie: string;
  readonly csrf: string;
  readonly expiresAt: number;
  readonly mustChangePassword: boolean;
}

const SESSION_LENGTH = 12 * 60 * 60 * 1000;
const SESSION_IDLE = 60 * 60 * 1000;
/** How often it is written down that a session or a token was used. */
export const USE_RESOLUTION = 60_000;

/** Opens a session. Throws UNAUTHENTICATED, the same for every reason, and TOO_MANY_REQUESTS after failures. */
export async function signIn(
  registry: Registry,
  {
    tenant = firstTenant,
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
          last_used_at: now,
        })
        .execute();
      await record({ action: "session:open", resource: `users/${user.id}` });
    },
  );
  return { cookie, csrf, expiresAt: now + SESSION_LENGTH, mustChangePassword: user.must_change_password === 1 };
}

export interface Guessed extends Guess {
  readonly password: string;
}

/**
 * The account, if name and password are right. Each failure is logged, and makes the next answer come later, for the account and for the
 * address; whether there is such an account shows neither in the answer nor in its time. Throws UNAUTHENTICATED, TOO_MANY_REQUESTS.
 */
export async function checkPassword(registry: Registry, guess: Guessed): Promise<UserRow> {
  const { tenant, name, password, address } = guess;
  const attempt = await beginAttempt(registry, guess);
  const user = await findUserByName(registry, tenant, name);
  const isRight = await isPassword(password, user?.password ?? null);
  if (!isRight || user == null || user.password === null || user.disabled_at !== null) {
    await change(registry, { ...anonymous(address), tenant, method: "password" }, ({ record }) =>
      record({ action: "session:open", resource: `users/${user?.id ?? "unknown"}`, outcome: "denied" }),
    );
    throw new RegistryError("UNAUTHENTICATED", "name or password is not right");
  }
  await attempt.forgive();
  return isKeptOtherwise(user.password) ? await keepAnew(registry, user, password) : user;
}

/** Keeps a password that was right with today's parameters. */
async function keepAnew({ store }: Registry, user: UserRow, given: string): Promise<UserRow> {
  const password = await keepPassword(given);
  const { numUpdatedRows } = await store.write((rows) =>
    rows
      .updateTable("users")
      .set({ password })
      .where("tenant", "=", user.tenant)
      .where("id", "=", user.id)
      .where("password", "=", user.password)
      .executeTakeFirst(),
  );
  return numUpdatedRows > 0n ? { ...user, password } : user;
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
  const { tenant = firstTenant, name, oldPassword, newPassword, address } = given;
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

/**
 * The live session of a cookie: one that was used not long ago, and opened not too long ago. With an unsafe method, throws FORBIDDEN unless
 * the header has the session's token.
 */
export async function findSession(
  { store, now }: Registry,
  cookie: string,
  { method, csrf }: { readonly method: string; readonly csrf: string },
): Promise<Selectable<Tables["sessions"]> | undefined> {
  const hash = hashOf(cookie);
  const session = await store.rows.selectFrom("sessions").selectAll().where("hash", "=", hash).executeTakeFirst();
  const at = now();
  if (session === undefined || session.expires_at <= at || session.last_used_at + SESSION_IDLE <= at) return undefined;
  const isSafe = method === "GET" || method === "HEAD";
  if (!isSafe && !isSame(csrf, session.csrf))
    throw new RegistryError("FORBIDDEN", "X-CSRF-Token: expected the one that came with the session");
  if (session.last_used_at < at - USE_RESOLUTION)
    await store.write((rows) =>
      rows.updateTable("sessions").set({ last_used_at: at }).where("hash", "=", hash).execute(),
    );
  return session;
}

/** Ends a session. */
export async function signOut(registry: Registry, cookie: string): Promise<void> {
  await registry.store.write((rows) => rows.deleteFrom("sessions").where("hash", "=", hashOf(cookie)).execute());
}
