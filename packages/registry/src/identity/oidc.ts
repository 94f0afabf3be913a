import { createHash } from "node:crypto";
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from "jose";
import Type, { type Static } from "typebox";
import { Value } from "typebox/value";
import { roles } from "../access/actions.ts";
import { firstTenant } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import { listTenants } from "../tenants/tenants.ts";
import { localPrincipal } from "./first-admin.ts";
import { discover, exchange, isSafe, type Provider } from "./oidc-provider.ts";
import { type NewSession, openSession } from "./sign-in.ts";
import { isSame } from "./tokens.ts";
import { insertUser, type UserRow } from "./users.ts";

/** How people sign in at an OpenID Connect provider, and what roles its claims give. Its issuer is pinned; nothing else is trusted. */
export const OidcConfiguration = Type.Object(
  {
    issuer: Type.String({ pattern: "^https?://", description: "Exactly as the provider's tokens name it." }),
    clientId: Type.String({ minLength: 1 }),
    clientSecretEnvironment: Type.Optional(
      Type.String({ description: "Variable with the client's secret; none for a public client." }),
    ),
    redirectUri: Type.String({
      pattern: "^https?://",
      description: "This server's /api/v1/oidc/callback, as the provider knows it.",
    }),
    scopes: Type.Optional(Type.Array(Type.String())),
    tenant: Type.Optional(Type.String({ description: "Whose accounts these people get; the first tenant if absent." })),
    roles: Type.Array(
      Type.Object(
        {
          claim: Type.String({ description: "Such as groups." }),
          value: Type.String({ description: "What the claim is, or holds." }),
          role: Type.Enum([...roles]),
          model: Type.Optional(Type.String()),
          environment: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type OidcConfiguration = Static<typeof OidcConfiguration>;

/** The two steps of the authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636). */
export interface OidcSignIn {
  /** Where to send a browser, and the cookie that it must bring back. */
  begin(): Promise<{ readonly url: string; readonly cookie: string }>;
  /** Throws UNAUTHENTICATED unless code and state belong to the cookie and the provider's answer holds. */
  finish(given: {
    readonly code: string;
    readonly state: string;
    readonly cookie: string;
    readonly address: string;
  }): Promise<NewSession>;
}

const TIME_TO_SIGN_IN = 10 * 60 * 1000;
const CLOCK_SKEW = 60; // seconds

/** Reads what the provider publishes when it is first needed. Throws INVALID for a configuration that makes no sense. */
export function openOidc(
  registry: Registry,
  given: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): OidcSignIn {
  if (!Value.Check(OidcConfiguration, given)) {
    const [fault] = Value.Errors(OidcConfiguration, given);
    throw new RegistryError(
      "INVALID",
      `OpenID Connect: ${fault?.instancePath || "the configuration"} ${fault?.message ?? "is not as expected"}`,
    );
  }
  const { issuer, clientId, clientSecretEnvironment, redirectUri, scopes = ["openid", "profile", "email"] } = given;
  const secret = clientSecretEnvironment === undefined ? undefined : environment[clientSecretEnvironment];
  if (clientSecretEnvironment !== undefined && secret === undefined)
    throw new RegistryError("INVALID", `OpenID Connect: ${clientSecretEnvironment} is not set`);
  for (const url of [issuer, redirectUri])
    if (!isSafe(url))
      throw new RegistryError("INVALID", `OpenID Connect: expected https, got ${JSON.stringify(url.slice(0, 200))}`);
  let discovered: Promise<Provider> | undefined;
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;

  const provider = async (): Promise<Provider> => {
    discovered ??= discover(issuer).catch((error) => {
      discovered = undefined;
      throw error;
    });
    return await discovered;
  };

  return {
    async begin() {
      const { authorization_endpoint } = await provider();
      const secret = registry.randomBytes(32).toString("base64url");
      const cookie = `${registry.now() + TIME_TO_SIGN_IN}.${secret}`;
      const { state, nonce, verifier } = valuesOf(cookie);
      const url = new URL(authorization_endpoint);
      const query = {
        response_type: "code",
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: scopes.join(" "),
        state,
        nonce,
        code_challenge: sha256(verifier),
        code_challenge_method: "S256",
      };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return { url: url.href, cookie };
    },
    async finish({ code, state, cookie, address }) {
      const begun = valuesOf(cookie);
      if (!isSame(state, begun.state) || !(Number(cookie.split(".")[0]) > registry.now()))
        throw new RegistryError("UNAUTHENTICATED", "this sign-in was not begun here, or too long ago; begin again");
      const { token_endpoint, jwks_uri } = await provider();
      const idToken = await exchange(token_endpoint, {
        code,
        verifier: begun.verifier,
        clientId,
        redirectUri,
        ...(secret === undefined ? {} : { secret }),
      });
      keys ??= createRemoteJWKSet(new URL(jwks_uri));
      const { payload } = await jwtVerify(idToken, keys, {
        issuer,
        audience: clientId,
        clockTolerance: CLOCK_SKEW,
        currentDate: new Date(registry.now()),
        requiredClaims: ["sub", "exp", "iat"],
        algorithms: ["RS256", "ES256", "ES384", "PS256", "EdDSA"],
      }).catch((cause) => {
        throw new RegistryError(
          "UNAUTHENTICATED",
          `the provider's token is not good: ${cause instanceof Error ? cause.message : cause}`,
          { cause },
        );
      });
      if (Array.isArray(payload.aud) && payload.aud.length > 1 && payload.azp !== clientId)
        throw new RegistryError("UNAUTHENTICATED", "the provider's token is for another client");
      if (payload.nonce !== begun.nonce)
        throw new RegistryError("UNAUTHENTICATED", "the provider's token is for another sign-in");
      const user = await federatedUser(registry, given, payload);
      return await openSession(registry, user, address);
    },
  };
}

/** The account of a provider's subject, made at the first sign-in, with the roles that its claims give now. Throws FORBIDDEN where it is locked out. */
async function federatedUser(
  registry: Registry,
  { issuer, tenant = firstTenant, roles: mapping }: OidcConfiguration,
  payload: JWTPayload,
): Promise<UserRow> {
  if (!(await listTenants(registry)).includes(tenant))
    throw new RegistryError("UNAVAILABLE", `OpenID Connect: there is no tenant ${JSON.stringify(tenant)} yet`);
  const subject = payload.sub!;
  const given = mapping.filter(({ claim, value }) => [payload[claim]].flat().some((each) => each === value));
  return await change(registry, localPrincipal(tenant), async ({ rows, record }) => {
    const known = await rows
      .selectFrom("federated_users")
      .select("user_id")
      .where("tenant", "=", tenant)
      .where("issuer", "=", issuer)
      .where("subject", "=", subject)
      .executeTakeFirst();
    const id = known?.user_id ?? `u-${registry.randomBytes(9).toString("base64url")}`;
    const at = registry.now();
    if (known === undefined) {
      const name = nameFor(payload, id);
      await insertUser(rows, { tenant, id, name, kind: "person", password: null, mustChange: false, at });
      await rows.insertInto("federated_users").values({ tenant, issuer, subject, user_id: id }).execute();
      await record({ action: "user:manage", resource: `users/${id}`, details: { created: "federated" } });
    }
    const user = await rows
      .selectFrom("users")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    if (user.disabled_at !== null) throw new RegistryError("FORBIDDEN", `${user.name} is locked out`);
    await rows
      .deleteFrom("grants")
      .where("tenant", "=", tenant)
      .where("user_id", "=", id)
      .where("granted_by", "=", issuer)
      .execute();
    for (const [index, { role, model = "*", environment = "*" }] of given.entries())
      await rows
        .insertInto("grants")
        .values({
          tenant,
          id: `g-${id.slice(2)}-${index}`,
          user_id: id,
          role,
          model,
          environment,
          granted_by: issuer,
          created_at: at,
          expires_at: null,
        })
        .execute();
    await record({
      action: "user:manage",
      resource: `users/${id}`,
      details: { rolesFrom: issuer, roles: given.map(({ role }) => role) },
    });
    return user;
  });
}

/** A name that is free and tells who it is: it gives no rights, and what the provider says of it is not proof of an account here. */
function nameFor({ preferred_username, email }: JWTPayload, id: string): string {
  const wish =
    [preferred_username, email].find(
      (each): each is string => typeof each === "string" && /^[\w.@-]{1,60}$/.test(each),
    ) ?? "person";
  return `${wish}-${id.slice(2, 8).replaceAll(/[^A-Za-z0-9]/g, "x")}`;
}

/**
 * All that a sign-in needs until it ends follows from the cookie, which only the browser has: the server keeps nothing, and so nobody can
 * fill it. The cookie's time is in what is hashed, so that it cannot be changed.
 */
function valuesOf(cookie: string): { readonly state: string; readonly nonce: string; readonly verifier: string } {
  const derive = (what: string) => sha256(`casemate ${what}\n${cookie}`);
  return { state: derive("state"), nonce: derive("nonce"), verifier: derive("verifier") };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
