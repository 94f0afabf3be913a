import Type from "typebox";
import { actionNames } from "../access/actions.ts";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { createToken, listTokens, revokeToken, rotateToken } from "../identity/tokens.ts";
import { Instant } from "./schemas.ts";

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 200 });
const IdParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
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

export const tokenRoutes: readonly Route[] = [
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
