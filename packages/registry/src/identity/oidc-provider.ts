import { RegistryError } from "../errors.ts";

/** What a provider publishes about itself (OpenID Connect Discovery 1.0). */
export interface Provider {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
}

/** By TLS, or on this machine. */
export function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
}

/** Throws UNAVAILABLE where there is no answer, or one that is for another issuer or leads off TLS. */
export async function discover(issuer: string): Promise<Provider> {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    redirect: "error",
    signal: AbortSignal.timeout(10_000),
  }).catch((cause) => {
    throw new RegistryError("UNAVAILABLE", `the OpenID Connect provider ${issuer} does not answer`, { cause });
  });
  const found = (await response.json().catch(() => ({}))) as Partial<Provider> & { readonly issuer?: string };
  const { authorization_endpoint, token_endpoint, jwks_uri } = found;
  if (
    found.issuer !== issuer ||
    authorization_endpoint === undefined ||
    token_endpoint === undefined ||
    jwks_uri === undefined ||
    ![authorization_endpoint, token_endpoint, jwks_uri].every(isSafe)
  )
    throw new RegistryError(
      "UNAVAILABLE",
      `the OpenID Connect provider ${issuer} does not describe itself as expected`,
    );
  return { authorization_endpoint, token_endpoint, jwks_uri };
}

/** The identity token for a code. Throws UNAUTHENTICATED, UNAVAILABLE. */
export async function exchange(
  endpoint: string,
  {
    code,
    verifier,
    clientId,
    redirectUri,
    secret,
  }: {
    readonly code: string;
    readonly verifier: string;
    readonly clientId: string;
    readonly redirectUri: string;
    readonly secret?: string;
  },
): Promise<string> {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...(secret === undefined ? { client_id: clientId } : {}),
  });
  const headers = new Headers({ accept: "application/json" });
  if (secret !== undefined) {
    const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`;
    headers.set("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
  }
  const response = await fetch(endpoint, {
    method: "POST",
    headers,
    body,
    redirect: "error",
    signal: AbortSignal.timeout(10_000),
  }).catch((cause) => {
    throw new RegistryError("UNAVAILABLE", "the OpenID Connect provider does not answer", { cause });
  });
  const { id_token, error } = (await response.json().catch(() => ({}))) as {
    readonly id_token?: unknown;
    readonly error?: unknown;
  };
  if (!response.ok || typeof id_token !== "string")
    throw new RegistryError(
      "UNAUTHENTICATED",
      `the provider gives no token: ${String(error ?? response.status).slice(0, 100)}`,
    );
  return id_token;
}
