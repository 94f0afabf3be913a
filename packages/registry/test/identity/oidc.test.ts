import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-expect-error no types in the package
import Provider from "oidc-provider";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openOidc } from "../../src/identity/oidc.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

/** A real provider on the loopback, whose people are named after their login. */
let provider: Server;
let server: TestServer;
let issuer: string;
const groups: Record<string, string[]> = { ada: ["ml"], bob: ["ml", "ml-reviewers"], eve: [] };

beforeAll(async () => {
  provider = createServer();
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/api/v1/oidc/callback`;
  const oidc = new Provider(issuer, {
    clients: [{ client_id: "casemate", client_secret: "a secret of the test", redirect_uris: [redirectUri] }],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, preferred_username: id, groups: groups[id] }),
    }),
  });
  provider.on("request", oidc.callback());
  const configuration = {
    issuer,
    clientId: "casemate",
    clientSecretEnvironment: "OIDC_SECRET",
    redirectUri,
    roles: [
      { claim: "groups", value: "ml", role: "contributor", model: "digits*" },
      { claim: "groups", value: "ml-reviewers", role: "reviewer" },
    ],
  };
  server = await openTestServer(
    undefined,
    { oidc: configuration, environment: { OIDC_SECRET: "a secret of the test" } },
    port,
  );
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
  provider.close();
});

/** A browser: keeps cookies of each host, follows redirects to the provider, fills its forms. Stops before the callback. */
async function signInAt(login: string): Promise<{ readonly callback: string; readonly cookie: string }> {
  const begun = await fetch(`${server.url}/api/v1/oidc/sign-in`, { redirect: "manual" });
  const cookie = begun.headers.getSetCookie()[0]!.split(";")[0]!;
  const jar = new Map<string, string>();
  let url = begun.headers.get("location")!;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 15; step++) {
    const response = await fetch(url, {
      redirect: "manual",
      method: form === undefined ? "GET" : "POST",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const each of response.headers.getSetCookie()) {
      const [name, value] = each.split(";")[0]!.split("=") as [string, string];
      jar.set(name, value);
    }
    form = undefined;
    const location = response.headers.get("location");
    if (location !== null) {
      url = new URL(location, url).href;
      if (url.startsWith(server.url)) return { callback: url, cookie };
      continue;
    }
    const page = await response.text();
    const action = /action="([^"]+)"/.exec(page)![1]!;
    form = new URLSearchParams(
      page.includes('name="login"') ? { prompt: "login", login, password: "any" } : { prompt: "consent" },
    );
    url = new URL(action, url).href;
  }
  throw new Error(`the provider does not send ${login} back`);
}

const finish = (callback: string, cookie: string) => fetch(callback, { redirect: "manual", headers: { cookie } });

async function me(login: string) {
  const { callback, cookie } = await signInAt(login);
  const response = await finish(callback, cookie);
  expect([response.status, response.headers.get("location")]).toEqual([302, "/"]);
  const session = response.headers.getSetCookie()[0]!.split(";")[0]!;
  return (await ask(server.url, "", "GET", "/api/v1/me", undefined, { cookie: session })).body;
}

test("people who sign in at the provider get the roles that their groups give, and lose those that they do not any more", async () => {
  const ada = await me("ada");
  expect(ada).toMatchObject({ kind: "person", name: expect.stringMatching(/^ada-/) });
  expect(ada.grants.map(({ role, model }: { role: string; model: string }) => `${role} ${model}`)).toEqual([
    "contributor digits*",
  ]);
  expect((await me("bob")).grants).toHaveLength(2);
  expect((await me("eve")).grants).toEqual([]);
  groups.bob = ["ml-reviewers"];
  const again = await me("bob");
  expect(again.grants.map(({ role }: { role: string }) => role)).toEqual(["reviewer"]);
  groups.ada = [];
  expect((await me("ada")).id).toBe(ada.id);
});

test("an answer counts once, in the browser that began, and where the provider gave it", async () => {
  const { callback, cookie } = await signInAt("ada");
  expect((await finish(callback, "casemate_oidc=another")).status).toBe(401);
  expect((await finish(callback, "")).status).toBe(401);
  expect((await finish(callback, cookie)).status).toBe(302);
  const second = await signInAt("ada");
  const forged = new URL(second.callback);
  forged.searchParams.set("code", "forged");
  expect((await finish(forged.href, second.cookie)).status).toBe(401);
  const third = await signInAt("ada");
  expect((await finish(third.callback, third.cookie)).status).toBe(302);
  expect((await finish(third.callback, third.cookie)).status).toBe(401);
});

test("a person who was locked out here does not come in by the provider", async () => {
  const { id } = await me("eve");
  const root = await server.account("root", "admin");
  await ask(server.url, root, "PATCH", `/api/v1/users/${id}`, { isDisabled: true });
  const { callback, cookie } = await signInAt("eve");
  expect((await finish(callback, cookie)).status).toBe(403);
});

test.each([
  [{ issuer: "provider" }, "OpenID Connect: "],
  [
    {
      issuer: "https://provider.example",
      clientId: "c",
      clientSecretEnvironment: "NOT_THERE",
      redirectUri: "https://r.example",
      roles: [],
    },
    "NOT_THERE is not set",
  ],
])("the configuration %j is refused", (configuration, message) => {
  expect(() => openOidc(server.registry, configuration, {})).toThrow(message);
});

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
