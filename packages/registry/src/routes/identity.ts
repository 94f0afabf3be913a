import Type from "typebox";
import { roles } from "../access/actions.ts";
import { RegistryError } from "../errors.ts";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { cookieIn, SESSION_COOKIE } from "../identity/authenticate.ts";
import { changePassword, findSession, type NewSession, signIn, signOut } from "../identity/sign-in.ts";
import {
  createUser,
  getUser,
  grantRole,
  listUsers,
  resetPassword,
  revokeGrant,
  setDisabled,
} from "../identity/users.ts";
import { Instant, Page } from "./schemas.ts";

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Tenant = Type.String({ maxLength: 100, description: "Of the account; the first one if absent." });
const Password = Type.String({ maxLength: 1024 });
const IdParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
const User = Type.Object({
  id: Type.String(),
  name: Type.String(),
  kind: Type.Enum(["person", "service"]),
  isDisabled: Type.Boolean(),
  createdAt: Instant,
  grants: Type.Array(
    Type.Object({
      id: Type.String(),
      role: Type.String(),
      model: Type.String(),
      environment: Type.String(),
      expiresAt: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});
const ofTenant = ({ principal: { tenant } }: Pick<Call, "principal">) =>
  ({ tenant, type: "Tenant", id: tenant }) as const;
const manage = { type: "action", action: "user:manage", resource: ofTenant } as const;

export const identityRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/v1/sign-in",
    summary: "Open a session by name and password",
    access: { type: "public", reason: "whoever signs in is not known yet" },
    schema: {
      body: Type.Object({ tenant: Type.Optional(Tenant), name: Name, password: Password }, strict),
      answer: Type.Object({
        csrf: Type.String({ description: "For the header X-CSRF-Token of whatever changes something." }),
        expiresAt: Instant,
        mustChangePassword: Type.Boolean(),
      }),
    },
    async handle({ registry, principal, body, headers }) {
      const session = await signIn(registry, { ...body, address: principal.address });
      const before = cookieIn(String(headers.cookie ?? ""), SESSION_COOKIE);
      if (before !== undefined) await signOut(registry, before);
      const { csrf, expiresAt, mustChangePassword } = session;
      return {
        headers: { "set-cookie": sessionCookie(session, headers.host) },
        body: { csrf, expiresAt: new Date(expiresAt).toISOString(), mustChangePassword },
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/password",
    summary: "Change a password by the old one; ends all sessions of the account",
    access: { type: "public", reason: "the old password is what proves who asks, also where it must be changed first" },
    schema: {
      body: Type.Object(
        { tenant: Type.Optional(Tenant), name: Name, oldPassword: Password, newPassword: Password },
        strict,
      ),
    },
    async handle({ registry, principal: { address }, body }) {
      await changePassword(registry, { ...body, address });
      return {};
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/sign-out",
    summary: "End the session",
    access: { type: "signed-in" },
    schema: {},
    async handle({ registry, headers }) {
      const cookie = cookieIn(String(headers.cookie ?? ""), SESSION_COOKIE);
      if (cookie !== undefined) await signOut(registry, cookie);
      return { headers: { "set-cookie": `${SESSION_COOKIE}=; Path=/; Max-Age=0` } };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/session",
    summary: "The session of the cookie, for a page that was loaded anew",
    access: { type: "signed-in" },
    schema: { answer: Type.Object({ csrf: Type.String(), expiresAt: Instant }) },
    async handle({ registry, headers }) {
      const cookie = cookieIn(String(headers.cookie ?? ""), SESSION_COOKIE);
      const session = cookie && (await findSession(registry, cookie, { method: "GET", csrf: "" }));
      if (!session) throw new RegistryError("NOT_FOUND", "there is no session, only a token or a password");
      return { body: { csrf: session.csrf, expiresAt: new Date(session.expires_at).toISOString() } };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/me",
    summary: "Who you are, and what you may do where",
    access: { type: "signed-in" },
    schema: { answer: User },
    handle: async ({ registry, principal }) => ({ body: await getUser(registry, principal.tenant, principal.id) }),
  }),
  route({
    method: "GET",
    path: "/api/v1/users",
    summary: "Accounts in order of name",
    access: { type: "action", action: "user:read", resource: ofTenant },
    schema: { query: Page, answer: Type.Object({ items: Type.Array(User), next: Type.Optional(Type.String()) }) },
    async handle({ registry, principal: { tenant }, query: { limit = 100, after } }) {
      const rows = await listUsers(registry, tenant, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
      const items = await Promise.all(rows.slice(0, limit).map(({ id }) => getUser(registry, tenant, id)));
      return { body: { items, ...(rows.length > limit ? { next: items[limit - 1]!.name } : {}) } };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/users",
    summary: "Make an account; a person's password must be changed at the first sign-in",
    access: manage,
    schema: {
      body: Type.Object(
        { name: Name, kind: Type.Enum(["person", "service"]), password: Type.Optional(Password) },
        strict,
      ),
      answer: User,
    },
    handle: async ({ registry, principal, body }) => ({
      status: 201,
      body: await createUser(registry, principal, body),
    }),
  }),
  route({
    method: "GET",
    path: "/api/v1/users/:id",
    summary: "An account with its roles",
    access: { type: "action", action: "user:read", resource: ofTenant },
    schema: { params: IdParams, answer: User },
    handle: async ({ registry, principal, params: { id } }) => ({
      body: await getUser(registry, principal.tenant, id),
    }),
  }),
  route({
    method: "POST",
    path: "/api/v1/users/:id/password-reset",
    summary: "A password for one use, for a person who has lost theirs; ends their sessions",
    access: manage,
    hasSecret: true,
    schema: { params: IdParams, answer: Type.Object({ password: Type.String({ description: "Shown this once." }) }) },
    handle: async ({ registry, principal, params: { id } }) => ({
      body: { password: await resetPassword(registry, principal, id) },
    }),
  }),
  route({
    method: "PATCH",
    path: "/api/v1/users/:id",
    summary: "Lock an account out, or let it in again",
    access: manage,
    schema: { params: IdParams, body: Type.Object({ isDisabled: Type.Boolean() }, strict), answer: User },
    async handle({ registry, principal, params: { id }, body: { isDisabled } }) {
      await setDisabled(registry, principal, id, isDisabled);
      return { body: await getUser(registry, principal.tenant, id) };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/users/:id/grants",
    summary: "Give a role, for some models and environments and a time",
    access: manage,
    schema: {
      params: IdParams,
      body: Type.Object(
        {
          role: Type.Enum([...roles]),
          model: Type.Optional(
            Type.String({ maxLength: 400, description: "A name, or the beginning of one before *; * by default." }),
          ),
          environment: Type.Optional(Type.String({ maxLength: 100 })),
          expiresAt: Type.Optional(Instant),
        },
        strict,
      ),
      answer: Type.Object({ id: Type.String() }),
    },
    async handle({ registry, principal, params: { id }, body: { role, model = "*", environment = "*", expiresAt } }) {
      const expiry = expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) };
      return {
        status: 201,
        body: { id: await grantRole(registry, principal, id, { role, model, environment, ...expiry }) },
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/users/:id/grants/:grant",
    summary: "Take a role away",
    access: manage,
    schema: { params: Type.Object({ id: Type.String(), grant: Type.String() }) },
    async handle({ registry, principal, params: { id, grant } }) {
      await revokeGrant(registry, principal, id, grant);
      return {};
    },
  }),
];

/** The cookie of a session: for this site only, unreadable by scripts, and by TLS only where it is not the loopback. */
export function sessionCookie({ cookie, expiresAt }: NewSession, host: unknown): string {
  const isLoopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(String(host));
  const secure = isLoopback ? "" : "; Secure";
  return `${SESSION_COOKIE}=${cookie}; Path=/; HttpOnly; SameSite=Strict${secure}; Expires=${new Date(expiresAt).toUTCString()}`;
}
