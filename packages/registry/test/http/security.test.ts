import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFirstAdmin, localPrincipal } from "../../src/identity/first-admin.ts";
import { createToken } from "../../src/identity/tokens.ts";
import { createUser, grantRole } from "../../src/identity/users.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;
let admin: string;

beforeAll(async () => {
  server = await openTestServer(undefined, { proxies: ["127.0.0.1"] });
  admin = await server.account("root", "admin");
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

/** Bytes as they are, and what comes back: the status line, header lines and body. */
async function raw(...lines: readonly string[]): Promise<string> {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.end(`${lines.join("\r\n")}\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

test("no secret is in a table, an event or the log, and no answer is kept that holds one", async () => {
  const first = "a-password-to-look-for";
  const { registry } = server;
  const person = await createUser(registry, localPrincipal(), { name: "secretive", kind: "person", password: first });
  const change = { name: "secretive", oldPassword: first, newPassword: "another-password-to-find" };
  await ask(server.url, "", "POST", "/api/v1/password", change);
  const keyed = { "idempotency-key": "secret-1" };
  const post = (path: string, body: object | undefined, headers = {}) =>
    ask(server.url, admin, "POST", `/api/v1${path}`, body, headers);
  const made = await post("/tokens", { name: "ci" }, keyed);
  expect(await post("/tokens", { name: "ci" }, keyed)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("shown only once") },
  });
  const reset = await post(`/users/${person.id}/password-reset`, undefined, { "idempotency-key": "secret-2" });
  const hook = { name: "chat", url: "https://hooks.example/1", events: ["version:ready"] };
  const webhook = await post("/webhooks", hook, { "idempotency-key": "secret-3" });
  const opened = await ask(server.url, "", "POST", "/api/v1/sign-in", {
    name: "secretive",
    password: reset.body.password,
  });
  const cookie = /casemate_session=([^;]+)/.exec(opened.headers.get("set-cookie")!)![1]!;
  await registry.log.settled();
  const { rows } = registry.store;
  const tables = ["users", "tokens", "sessions", "events", "idempotent_requests", "login_failures"] as const;
  const kept = [];
  for (const table of tables) kept.push(...(await rows.selectFrom(table).selectAll().execute()));
  for (let index = 0; index < registry.log.entries.size; index++)
    kept.push(Buffer.from(await registry.log.entries.entry(index)).toString());
  const everything = JSON.stringify(kept);
  expect(everything).toContain("secretive");
  const secrets = [first, change.newPassword, made.body.token, reset.body.password, webhook.body.secret, cookie];
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(15);
    expect(everything).not.toContain(secret);
  }
});

test("the first password is in no table, event or answer, and there is none that everybody knows", async () => {
  const fresh = await openTestServer();
  const first = (await createFirstAdmin(fresh.registry))!;
  const { rows } = fresh.registry.store;
  const kept = [
    await rows.selectFrom("users").selectAll().execute(),
    await rows.selectFrom("events").selectAll().execute(),
  ];
  expect(JSON.stringify(kept)).not.toContain(first.password);
  const { body } = await ask(fresh.url, "", "POST", "/api/v1/sign-in", { name: "admin", password: "password1234" });
  expect(body).toMatchObject({ code: "UNAUTHENTICATED", detail: "name or password is not right" });
  await fresh.close();
});

test("a token in the address of a request counts for nothing", async () => {
  for (const parameter of ["token", "access_token", "authorization"])
    expect((await ask(server.url, "", "GET", `/api/v1/models?${parameter}=${admin}`)).status).not.toBe(200);
});

test("what is sent comes back in no header", async () => {
  for (const path of ["/api/v1/models/x%0d%0aset-cookie:%20a=b", "/api/v1/x%0d%0aset-cookie:%20a=b?after=%0d%0aa:b"]) {
    const answer = await raw(
      `GET ${path} HTTP/1.1`,
      "host: localhost",
      `authorization: Bearer ${admin}`,
      "connection: close",
    );
    const [head] = answer.split("\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 404/);
    expect(head!.toLowerCase()).not.toContain("set-cookie");
  }
  for (const name of ["a-1", "a-2"]) await ask(server.url, admin, "POST", "/api/v1/models", { name });
  const { headers } = await ask(server.url, admin, "GET", "/api/v1/models?limit=1&contains=%0d%0aa");
  expect([...headers.keys()]).not.toContain("a");
});

test("a header with a line break ends at the parser", async () => {
  const answer = await raw(
    "GET /api/v1/me HTTP/1.1",
    "host: localhost",
    "idempotency-key: a\rb: c",
    "connection: close",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
});

test.each(["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""])(
  "the name %j in Host is refused before anything else",
  async (host) => {
    const request = [
      `GET /api/v1/models HTTP/1.1`,
      `host: ${host}`,
      `authorization: Bearer ${admin}`,
      "connection: close",
    ];
    expect(await raw(...request)).toMatch(/^HTTP\/1\.1 40[03]/);
  },
);

test("no answer allows another site to read it", async () => {
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
  const preflight = await ask(server.url, "", "OPTIONS", "/api/v1/models", undefined, headers);
  const read = await ask(server.url, admin, "GET", "/api/v1/me", undefined, headers);
  for (const answer of [preflight, read])
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  expect(preflight.status).toBe(404);
});

test("who may do nothing is not told what is there", async () => {
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "hidden" });
  const { id } = await createUser(server.registry, localPrincipal(), { name: "stranger", kind: "person" });
  const { token } = await createToken(server.registry, localPrincipal(), id, { name: "test" });
  const asked = async (path: string) => {
    const { status, body } = await ask(server.url, token, "GET", path);
    return [status, body.code ?? body.error_code];
  };
  for (const [there, elsewhere] of [
    ["/api/v1/models/hidden", "/api/v1/models/nowhere"],
    ["/api/v1/models/hidden/versions/1", "/api/v1/models/nowhere/versions/1"],
    ["/api/v1/promotions/p-1", "/api/v1/promotions/p-2"],
    ["/api/2.0/mlflow/experiments/get?experiment_id=0", "/api/2.0/mlflow/experiments/get?experiment_id=77"],
    ["/api/2.0/mlflow/registered-models/get?name=hidden", "/api/2.0/mlflow/registered-models/get?name=nowhere"],
  ] as const) {
    expect((await asked(there))[0], there).toBe(403);
    expect(await asked(elsewhere), elsewhere).toEqual(await asked(there));
  }
});

test("tenants see nothing of each other, whatever roles they have", async () => {
  const other = localPrincipal("other");
  const { id } = await createUser(server.registry, other, { name: "root", kind: "person" }); // the name is free there
  for (const role of ["admin", "viewer", "auditor"] as const)
    await grantRole(server.registry, other, id, { role, model: "*", environment: "*" });
  const { token } = await createToken(server.registry, other, id, { name: "test" });
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "of-the-first" });
  const there = (method: string, path: string, body?: object) => ask(server.url, token, method, `/api/v1${path}`, body);
  expect((await there("GET", "/models")).body.items).toEqual([]);
  expect((await there("GET", "/models/of-the-first")).status).toBe(404);
  expect((await there("GET", "/users")).body.items.map(({ name }: { name: string }) => name)).toEqual(["root"]);
  const tenants = (await there("GET", "/events")).body.items.map(({ tenant }: { tenant: string }) => tenant);
  expect(new Set(tenants)).toEqual(new Set(["other"]));
  const { id: first } = (await ask(server.url, admin, "GET", "/api/v1/me")).body;
  expect((await there("GET", `/users/${first}`)).status).toBe(404);
  expect((await there("POST", `/users/${first}/tokens`, { name: "stolen" })).status).toBe(404);
  expect((await there("POST", `/users/${first}/password-reset`)).status).toBe(404);
  expect((await there("PATCH", `/users/${first}`, { isDisabled: true })).status).toBe(404);
  expect((await there("POST", "/models", { name: "of-the-first" })).status).toBe(201);
});

test("where a request came from is believed of a proxy that was named", async () => {
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "forwarded" }, { "x-forwarded-for": "192.0.2.9" });
  const addresses = (await server.registry.store.rows.selectFrom("event_addresses").select("address").execute()).map(
    ({ address }) => address,
  );
  expect(addresses.at(-1)).toBe("192.0.2.9");
});

test("requests with one key at the same time are done once", async () => {
  const create = () =>
    ask(server.url, admin, "POST", "/api/v1/models", { name: "at-once" }, { "idempotency-key": "at-once" });
  const answers = await Promise.all(Array.from({ length: 8 }, create));
  for (const { status } of answers) expect([201, 409]).toContain(status);
  expect(answers.some(({ status }) => status === 201)).toBe(true);
  expect(answers.filter(({ body }) => body.code === "ALREADY_EXISTS")).toEqual([]);
  const { body } = await ask(server.url, admin, "GET", "/api/v1/events?resource=models%2Fat-once");
  expect(body.items).toHaveLength(1);
});

test("a page of a list names the next one in its header", async () => {
  for (const name of ["linked-1", "linked-2", "linked-3"])
    await ask(server.url, admin, "POST", "/api/v1/models", { name });
  const seen: string[] = [];
  let path: string | undefined = "/api/v1/models?limit=1&contains=linked";
  while (path !== undefined) {
    const { headers, body }: Awaited<ReturnType<typeof ask>> = await ask(server.url, admin, "GET", path);
    seen.push(...body.items.map(({ name }: { name: string }) => name));
    path = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
  }
  expect(seen).toEqual(["linked-1", "linked-2", "linked-3"]);
});

test("the list of events goes on where a page ends", async () => {
  const seen: number[] = [];
  for (let path = "/api/v1/events?limit=4"; ; ) {
    const { headers, body } = await ask(server.url, admin, "GET", path);
    seen.push(...body.items.map(({ sequence }: { sequence: number }) => sequence));
    const next = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    if (next === undefined) break;
    path = next;
  }
  const all = await ask(server.url, admin, "GET", "/api/v1/events?limit=1000");
  expect(seen).toEqual(all.body.items.map(({ sequence }: { sequence: number }) => sequence));
  expect(seen.length).toBeGreaterThan(8);
});

test("a model is found by a part of its name, whatever LIKE makes of it", async () => {
  for (const name of ["fraud_score", "fraudXscore"]) await ask(server.url, admin, "POST", "/api/v1/models", { name });
  const { body } = await ask(server.url, admin, "GET", "/api/v1/models?contains=fraud_");
  expect(body.items.map(({ name }: { name: string }) => name)).toEqual(["fraud_score"]);
  expect((await ask(server.url, admin, "GET", "/api/v1/models?contains=%25")).body.items).toEqual([]);
});
