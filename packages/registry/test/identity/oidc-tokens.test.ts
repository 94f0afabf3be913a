import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { localPrincipal } from "../../src/identity/first-admin.ts";
import { type OidcSignIn, openOidc } from "../../src/identity/oidc.ts";
import { createTenant } from "../../src/tenants/tenants.ts";
import { openTestServer, type TestServer } from "../open-server.ts";

/** A provider that answers whatever a test wants: the other test has one that is real. */
const { privateKey, publicKey } = await generateKeyPair("ES256");
const stranger = (await generateKeyPair("ES256")).privateKey;
let answer: (nonce: string) => Promise<string> | string;
let nonce = "";
let issuer: string;
let server: TestServer;
let signIn: OidcSignIn;
const provider = createServer(async (request, response) => {
  const json = (body: unknown) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  if (request.url === "/.well-known/openid-configuration")
    return json({
      issuer,
      authorization_endpoint: `${issuer}/authorize?keep=this`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    });
  if (request.url === "/jwks") return json({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] });
  return json({ id_token: await answer(nonce) });
});

const configured = (rest: object = {}) => ({
  issuer,
  clientId: "casemate",
  redirectUri: "https://registry.example/api/v1/oidc/callback",
  roles: [],
  ...rest,
});

beforeAll(async () => {
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  server = await openTestServer();
  signIn = openOidc(server.registry, configured(), {});
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
  provider.close();
});

const now = () => Math.floor(Date.now() / 1000);
const claims = (rest: JWTPayload = {}): JWTPayload => ({
  iss: issuer,
  aud: "casemate",
  sub: "ada",
  nonce,
  iat: now(),
  exp: now() + 300,
  ...rest,
});
const without = (name: string): JWTPayload =>
  Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name));
const signed = (payload: JWTPayload, key = privateKey) =>
  new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "k" }).sign(key);

/** All of a sign-in, the provider answering with `token`. */
async function finish(token: () => Promise<string> | string, oidc = signIn) {
  const { url, cookie } = await oidc.begin();
  const asked = new URL(url).searchParams;
  nonce = asked.get("nonce")!;
  answer = token;
  return await oidc.finish({ code: "a code", state: asked.get("state")!, cookie, address: "127.0.0.1" });
}

test("a token that is right opens a session, also where clocks differ a little", async () => {
  expect((await finish(() => signed(claims()))).cookie).toHaveLength(43);
  expect((await finish(() => signed(claims({ iat: now() + 30, exp: now() - 30 })))).cookie).toHaveLength(43);
  const several = { aud: ["casemate", "another"], azp: "casemate" };
  expect((await finish(() => signed(claims(several)))).cookie).toHaveLength(43);
});

test("accounts are made in the tenant of the provider, once there is one", async () => {
  const oidc = openOidc(server.registry, configured({ tenant: "acme" }), {});
  await expect(finish(() => signed(claims()), oidc)).rejects.toThrow('there is no tenant "acme" yet');
  await createTenant(server.registry, localPrincipal(), "acme");
  await finish(() => signed(claims()), oidc);
  const accounts = await server.registry.store.rows
    .selectFrom("federated_users")
    .select("tenant")
    .where("subject", "=", "ada")
    .execute();
  expect(accounts.map(({ tenant }) => tenant).sort()).toEqual(["acme", "default"]);
});

test.each<[string, (given: typeof claims) => Promise<string> | string, string]>([
  ["another issuer", (given) => signed(given({ iss: "https://evil.example" })), '"iss"'],
  ["another client", (given) => signed(given({ aud: "another" })), '"aud"'],
  [
    "several clients, for another one",
    (given) => signed(given({ aud: ["casemate", "b"], azp: "b" })),
    "another client",
  ],
  ["several clients, for none", (given) => signed(given({ aud: ["casemate", "b"] })), "another client"],
  ["another sign-in", (given) => signed(given({ nonce: "n" })), "another sign-in"],
  ["no sign-in", () => signed(without("nonce")), "another sign-in"],
  ["a time that is over", (given) => signed(given({ exp: now() - 120 })), '"exp"'],
  ["no end", () => signed(without("exp")), '"exp"'],
  ["nobody", () => signed(without("sub")), '"sub"'],
  ["a stranger's key", (given) => signed(given(), stranger), "signature"],
  ["no signature", (given) => new UnsecuredJWT(given()).encode(), "the provider's token is not good"],
  [
    "its public key as a secret",
    async (given) =>
      await new SignJWT(given())
        .setProtectedHeader({ alg: "HS256", kid: "k" })
        .sign(Buffer.from(JSON.stringify(await exportJWK(publicKey)))),
    "the provider's token is not good",
  ],
  ["nothing that is a token", () => "token", "the provider's token is not good"],
])("a token with %s opens nothing", async (_, token, message) => {
  const error = await finish(() => token(claims)).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ code: "UNAUTHENTICATED" });
  expect(error.message).toContain(message);
});

test("state, nonce and verifier are of one browser and one time, and the server keeps none of them", async () => {
  const { url, cookie } = await signIn.begin();
  const asked = new URL(url).searchParams;
  expect(Object.fromEntries(asked)).toMatchObject({
    keep: "this",
    response_type: "code",
    code_challenge_method: "S256",
    redirect_uri: "https://registry.example/api/v1/oidc/callback",
  });
  const secret = cookie.split(".")[1]!;
  for (const value of asked.values()) expect(value).not.toContain(secret);
  const state = asked.get("state")!;
  const finishing = (rest: object, oidc = signIn) =>
    oidc.finish({ code: "c", state, cookie, address: "127.0.0.1", ...rest });
  nonce = asked.get("nonce")!;
  answer = () => signed(claims());
  await expect(finishing({ state: "" })).rejects.toThrow("not begun here");
  await expect(finishing({ cookie: "" })).rejects.toThrow("not begun here");
  await expect(finishing({ cookie: `${Date.now() * 2}.${secret}` })).rejects.toThrow("not begun here"); // another time
  const later = openOidc({ ...server.registry, now: () => Date.now() + 11 * 60_000 }, configured(), {});
  await expect(finishing({}, later)).rejects.toThrow("too long ago");
  const elsewhere = openOidc(server.registry, configured(), {}); // another process over the same store
  expect((await finishing({}, elsewhere)).csrf).toHaveLength(43);
});

test.each([
  ["issuer", "http://login.example"],
  ["redirectUri", "http://registry.example/api/v1/oidc/callback"],
])("%s %s is refused: only https, but for this machine", (name, url) => {
  expect(() => openOidc(server.registry, configured({ [name]: url }), {})).toThrow("expected https");
});

test("a provider that is not there, or calls itself otherwise, is one that cannot be used now", async () => {
  const elsewhere = createServer((_request, response) =>
    response.end(JSON.stringify({ issuer: "https://evil.example" })),
  );
  elsewhere.listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  await expect(openOidc(server.registry, configured({ issuer: other }), {}).begin()).rejects.toThrow(
    "does not describe itself as expected",
  );
  elsewhere.close();
  await once(elsewhere, "close");
  await expect(openOidc(server.registry, configured({ issuer: other }), {}).begin()).rejects.toThrow("does not answer");
});
