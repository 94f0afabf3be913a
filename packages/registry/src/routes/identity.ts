import Type from "typebox";
import { actionNames, roles } from "../access/actions.ts";
import { RegistryError } from "../errors.ts";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { cookieIn, SESSION_COOKIE } from "../identity/authenticate.ts";
import { changePassword, findSession, type NewSession, signIn, signOut } from "../identity/sign-in.ts";
import { createToken, listTokens, revokeToken, rotateToken } from "../identity/tokens.ts";
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
const NewToken = Type.Object(
  {
    name: Name,
    scopes: Type.Optional(Type.Array(Type.Enum([...actionNames]), { minItems: 1 })),
    expiresAt: Type.Optional(Instant),
  },
  strict,
);
const Secret = Type.Object({ id: Type.String(), token: Type.String({ description: "Shown this once." }) });
const TokenView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  scopes: Type.Union([Type.Array(Type.String()), Type.Null()]),
  createdAt: Instant,
  expiresAt: Type.Union([Instant, Type.Null()]),
  lastUsedAt: Type.Union([Instant, Type.Null()]),
  isRevoked: Type.Boolean(),
});

const ofTenant = ({ principal: { tenant } }: Pick<Call, "principal">) =>
  ({ tenant, type: "Tenant", id: tenant }) as const;
const manage = { type: "action", action: "user:manage", resource: ofTenant } as const;
const timeOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export const identityRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/v1/sign-in",
    summary: "Open a session by name and password",
    access: { type: "public", reason: "whoever signs in is not known yet" },
    schema: {
      body: Type.Object({ name: Name, password: Password }, strict),
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
    schema: { body: Type.Object({ name: Name, oldPassword: Password, newPassword: Password }, strict) },
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
      return { body: { csrf: session.csrf, expiresAt: timeOf(session.expires_at) } };
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
  route({
    method: "POST",
    path: "/api/v1/users/:id/tokens",
    summary: "Make a token for an account, such as a service",
    access: manage,
    hasSecret: true,
    schema: { params: IdParams, body: NewToken, answer: Secret },
    handle: async ({ registry, principal, params: { id }, body }) => ({
      status: 201,
      body: await createToken(registry, principal, id, tokenOf(body)),
    }),
  }),
  route({
    method: "POST",
    path: "/api/v1/tokens",
    summary: "Make a token of your own",
    access: { type: "signed-in" },
    schema: { body: NewToken, answer: Secret },
    hasSecret: true,
    handle: async ({ registry, principal, body }) => ({
      status: 201,
      body: await createToken(registry, principal, principal.id, tokenOf(body)),
    }),
  }),
  route({
    method: "GET",
    path: "/api/v1/tokens",
    summary: "Your tokens, without their secrets",
    access: { type: "signed-in" },
    schema: { answer: Type.Object({ items: Type.Array(TokenView) }) },
    async handle({ registry, principal }) {
      const rows = await listTokens(registry, principal.tenant, principal.id);
      const items = rows.map(({ id, name, scopes, created_at, expires_at, last_used_at, revoked_at }) => ({
        id,
        name,
        scopes: scopes === null ? null : JSON.parse(scopes),
        createdAt: timeOf(created_at),
        expiresAt: timeOf(expires_at),
        lastUsedAt: timeOf(last_used_at),
        isRevoked: revoked_at !== null,
      }));
      return { body: { items } };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/tokens/:id/rotate",
    summary: "A new token for the same purpose; the old one is good for a while yet",
    access: { type: "signed-in" },
    hasSecret: true,
    schema: {
      params: IdParams,
      body: Type.Object(
        {
          overlapSeconds: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 7 * 24 * 3600, description: "3600 by default." }),
          ),
        },
        strict,
      ),
      answer: Secret,
    },
    async handle(call) {
      await requireOwn(call);
      return {
        status: 201,
        body: await rotateToken(
          call.registry,
          call.principal,
          call.params.id,
          (call.body.overlapSeconds ?? 3600) * 1000,
        ),
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/tokens/:id",
    summary: "End a token now",
    access: { type: "signed-in" },
    schema: { params: IdParams },
    async handle(call) {
      await requireOwn(call);
      await revokeToken(call.registry, call.principal, call.params.id);
      return {};
    },
  }),
];

/** One's own tokens are free to end and change, by one with scopes only itself; others' ask for `user:manage`. */
async function requireOwn({
  registry,
  principal,
  params: { id },
  authorize,
}: Pick<Call, "registry" | "principal" | "authorize"> & { readonly params: { readonly id: string } }): Promise<void> {
  const own = await listTokens(registry, principal.tenant, principal.id);
  const isFree = principal.scopes === undefined || principal.credential === id;
  if (!isFree || !own.some((token) => token.id === id)) await authorize("user:manage", ofTenant({ principal }));
}

function tokenOf({
  expiresAt,
  ...rest
}: {
  readonly name: string;
  readonly scopes?: (typeof actionNames)[number][];
  readonly expiresAt?: string;
}) {
  return { ...rest, ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }) };
}

/** The cookie of a session: for this site only, unreadable by scripts, and by TLS only where it is not the loopback. */
export function sessionCookie({ cookie, expiresAt }: NewSession, host: unknown): string {
  const isLoopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(String(host));
  const secure = isLoopback ? "" : "; Secure";
  return `${SESSION_COOKIE}=${cookie}; Path=/; HttpOnly; SameSite=Strict${secure}; Expires=${new Date(expiresAt).toUTCString()}`;
}
