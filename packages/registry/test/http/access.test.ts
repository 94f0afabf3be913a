import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { actionNames, actions, roles } from "../../src/access/actions.ts";
import { openPolicies } from "../../src/access/policies.ts";
import { covers, type Principal, type Resource } from "../../src/access/principal.ts";
import { createApp } from "../../src/http/app.ts";
import type { Route } from "../../src/http/route.ts";
import { openAuthentication } from "../../src/identity/authenticate.ts";
import { routesOf } from "../../src/server.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;
let admin: string;

beforeAll(async () => {
  server = await openTestServer();
  admin = await server.account("root", "admin");
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

const principal = (role: (typeof roles)[number], rest: Partial<Principal> = {}): Principal => ({
  tenant: "default",
  id: "u-1",
  name: "somebody",
  kind: "person",
  grants: [{ role, model: "*", environment: "*" }],
  method: "token",
  credential: "t",
  address: "127.0.0.1",
  ...rest,
});
const model = (rest: Partial<Resource> = {}): Resource => ({
  tenant: "default",
  type: "Model",
  id: "digits",
  model: "digits",
  ...rest,
});

test.each(roles)("%s may do what the table of actions says, and nothing else", (role) => {
  const policies = openPolicies();
  for (const action of actionNames) {
    const allowed: readonly string[] = actions[action];
    expect(policies.decide(principal(role), action, model()).isAllowed, action).toBe(allowed.includes(role));
  }
});

test("roles hold where they were given, tenants are apart, authors and services do not approve, tokens have scopes", () => {
  const { decide } = openPolicies();
  const at = (grant: { model: string; environment: string }, role: (typeof roles)[number] = "viewer") =>
    principal(role, { grants: [{ role, ...grant }] });
  const readsModel = (grant: { model: string; environment: string }, resource: Partial<Resource> = {}) =>
    decide(at(grant), "model:read", model(resource)).isAllowed;
  expect(readsModel({ model: "dig*", environment: "*" })).toBe(true);
  expect(readsModel({ model: "letters", environment: "*" })).toBe(false);
  expect(readsModel({ model: "*", environment: "staging" })).toBe(true);
  expect(readsModel({ model: "*", environment: "staging" }, { environment: "production" })).toBe(false);
  expect(readsModel({ model: "*", environment: "*" }, { tenant: "other" })).toBe(false);
  const manages = (grant: { model: string; environment: string }) =>
    decide(at(grant, "admin"), "user:manage", { tenant: "default", type: "Tenant", id: "default" }).isAllowed;
  expect([
    manages({ model: "*", environment: "*" }),
    manages({ model: "dig*", environment: "*" }),
    manages({ model: "*", environment: "staging" }),
  ]).toEqual([true, false, false]);
  const approves = (who: Partial<Principal>, author: string) =>
    decide(principal("reviewer", who), "promotion:approve", model({ author }));
  expect(approves({}, "u-2").isAllowed).toBe(true);
  expect(approves({}, "u-1")).toMatchObject({ isAllowed: false, policies: ["authors-do-not-approve"] });
  expect(approves({ kind: "service" }, "u-2")).toMatchObject({ isAllowed: false, policies: ["people-approve"] });
  expect(decide(principal("admin", { scopes: ["model:read"] }), "model:delete", model()).isAllowed).toBe(false);
  expect(covers("dig*", "digits") && covers("*", "x") && !covers("dig", "digits")).toBe(true);
});

test.each([
  ['permit(principal in Role::"viewer", action == Action::"model:destroy", resource);', "model:destroy"],
  ['permit(principal, action == Action::"model:read", resource) when { resource.colour == "red" };', "colour"],
  ["permit(principal, action, resource);\npermit(", "line 2, column 8: unexpected"],
  ['permit(principal, action == Action::"model:read", resource)\nwhen { resource.hue == 1 };', "additional-1: line 2"],
  ["permit(principal == ?principal, action, resource);", "a template"],
  ['@id("viewer") permit(principal, action, resource);', "viewer is there already"],
  [
    '@id("a") forbid(principal, action, resource);\n@id("a") permit(principal, action, resource);',
    "a is there already",
  ],
])("the additional policy %s is refused before anything is served", (text, message) => {
  expect(() => openPolicies(text)).toThrow(message);
});

test("the policy of the guide does what the guide says", async () => {
  const guide = await readFile(new URL("../../../../docs/guide/registry.md", import.meta.url), "utf8");
  const { decide } = openPolicies(/```cedar\n([^`]+)```/.exec(guide)![1]);
  const from = (address: string) =>
    decide(principal("releaser", { address }), "promotion:release", model({ environment: "production" })).isAllowed;
  expect([from("10.1.2.3"), from("192.0.2.1")]).toEqual([true, false]);
});

test("where a policy fails while it is evaluated, nothing is allowed", () => {
  const { decide } = openPolicies(
    '@id("sums") forbid(principal, action, resource) when { context.address == "1" && 9223372036854775807 + 1 > 0 };',
  );
  expect(decide(principal("viewer"), "model:read", model()).isAllowed).toBe(true);
  expect(decide(principal("viewer", { address: "1" }), "model:read", model())).toMatchObject({
    isAllowed: false,
    policies: ["sums"],
  });
});

test("a decision that was made before is the same, and another for whatever differs", () => {
  const { decide } = openPolicies();
  for (let round = 0; round < 2; round++) {
    expect(decide(principal("viewer"), "model:read", model()).isAllowed).toBe(true);
    expect(decide(principal("viewer"), "model:update", model()).isAllowed).toBe(false);
    expect(decide(principal("viewer"), "model:read", model({ tenant: "other" })).isAllowed).toBe(false);
    expect(decide(principal("viewer", { grants: [] }), "model:read", model()).isAllowed).toBe(false);
    expect(decide(principal("reviewer"), "promotion:approve", model({ author: "u-2" })).isAllowed).toBe(true);
    expect(decide(principal("reviewer"), "promotion:approve", model({ author: "u-1" })).isAllowed).toBe(false);
  }
});

test("an additional policy can forbid", () => {
  const { decide } = openPolicies(
    '@id("no-friday") forbid(principal, action == Action::"promotion:release", resource) when { resource.environment == "production" };',
  );
  expect(decide(principal("releaser"), "promotion:release", model({ environment: "production" }))).toMatchObject({
    isAllowed: false,
  });
  expect(decide(principal("releaser"), "promotion:release", model({ environment: "staging" }))).toMatchObject({
    isAllowed: true,
  });
});

test("a route that does not say who may call it keeps the server from starting", async () => {
  const silent = {
    method: "GET",
    path: "/api/v1/silent",
    summary: "",
    schema: {},
    handle: async () => ({}),
  } as unknown as Route;
  const options = {
    registry: server.registry,
    routes: [silent],
    authenticate: openAuthentication(server.registry),
    version: "0.1.0",
    failed: () => undefined,
  };
  await expect(createApp(options)).rejects.toThrow("GET /api/v1/silent does not say who may call it");
});

test.each(["proxy.example", "10.0.0.1/8/8", ""])("a proxy %j keeps the server from starting", async (proxy) => {
  const options = { authenticate: openAuthentication(server.registry), version: "0.1.0", failed: () => undefined };
  await expect(createApp({ ...options, registry: server.registry, routes: [], proxies: [proxy] })).rejects.toThrow(
    "proxies: expected addresses or networks",
  );
});

const every = routesOf({ wake: () => undefined });

test.each(every.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s is closed to strangers and to accounts without roles",
  async (_, { method, path, access }) => {
    const url = path
      .replace(":version", "1")
      .replace(":sha256", "0".repeat(64))
      .replace(":sequence", "0")
      .replaceAll(/:\w+|\*/g, "x");
    const body = method === "GET" || method === "DELETE" ? undefined : {};
    const anonymous = await ask(server.url, "", method, url, body);
    if (access.type === "public") return expect(access.reason).not.toBe("");
    expect(anonymous.status).toBe(401); // before the body is looked at
    const nobody = await ask(
      server.url,
      "cmt_AAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      method,
      url,
      body,
    );
    expect(nobody.status).toBe(401);
  },
);

test("the document of the interface names every route, as OpenAPI 3.1", async () => {
  const { body } = await ask(server.url, "", "GET", "/api/v1/openapi.json");
  expect(body.openapi).toBe("3.1.0");
  const documented = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const declared = every
    .filter(({ path }) => path.startsWith("/api/v1"))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}").replace("*", "{*}")}`);
  expect(documented.sort()).toEqual(expect.arrayContaining(declared.sort()));
});

test("another name in Host is refused, against DNS rebinding", async () => {
  const { port } = new URL(server.url);
  const status = await new Promise((resolve, reject) => {
    const asked = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path: "/api/v1/models",
        headers: { host: "evil.example", authorization: `Bearer ${admin}` },
      },
      (response) => resolve(response.statusCode),
    );
    asked.on("error", reject).end();
  });
  expect(status).toBe(403);
});

test("answers are JSON that no page frames or sniffs, also where they hold HTML", async () => {
  const { status, headers, body } = await ask(
    server.url,
    admin,
    "GET",
    "/api/v1/models/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
  );
  expect(status).toBe(404);
  expect(headers.get("content-type")).toContain("application/problem+json");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(body).toMatchObject({ code: "NOT_FOUND", status: 404, type: "urn:casemate:problem:not-found" });
});

test.each([
  "../secret",
  "a/../../b",
  "/etc/passwd",
  "a\\b",
  "a%2e%2e/b",
  "c:d",
  "a#b",
  "a?b",
  "x\u0000y",
  "a//b",
  "./a",
  "con ",
  "a/.",
])("a manifest with the path %j is refused", async (path) => {
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "paths" });
  const files = [{ path, sha256: "0".repeat(64), size: 1 }];
  const { status, body } = await ask(server.url, admin, "POST", "/api/v1/models/paths/versions", { files });
  expect(status).toBe(400);
  expect(body.detail).toMatch(/path: expected (a relative path|text without NUL)/);
});

test("names that read alike are one name", async () => {
  expect((await ask(server.url, admin, "POST", "/api/v1/models", { name: "Caf\u00e9 Ledger" })).status).toBe(201);
  for (const name of ["Cafe\u0301 Ledger", "CAF\u00c9 LEDGER", "\uff23af\u00e9 Ledger"])
    expect((await ask(server.url, admin, "POST", "/api/v1/models", { name })).status, name).toBe(409);
  for (const name of ["a/b", "a%2Fb", "..", "a:b", "a\u202eb", ""])
    expect((await ask(server.url, admin, "POST", "/api/v1/models", { name })).status, name).toBe(400);
});

test("a request with the same key is done once, another one with it is refused", async () => {
  const create = (name: string) =>
    ask(server.url, admin, "POST", "/api/v1/models", { name }, { "idempotency-key": "k-1" });
  const first = await create("once");
  const again = await create("once");
  expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect((await create("twice")).body.detail).toContain("it was used for another request");
});

test("a change of what somebody else has changed is refused by its ETag", async () => {
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "tagged" });
  const { headers } = await ask(server.url, admin, "GET", "/api/v1/models/tagged");
  const change = (description: string) =>
    ask(server.url, admin, "PATCH", "/api/v1/models/tagged", { description }, { "if-match": headers.get("etag")! });
  expect((await change("first")).status).toBe(200);
  expect(await change("second")).toMatchObject({ status: 412, body: { code: "PRECONDITION_FAILED" } });
});

test("lists come in pages, of what one may read only", async () => {
  for (const name of ["page-a", "page-b", "page-c", "other"])
    await ask(server.url, admin, "POST", "/api/v1/models", { name });
  const reader = await server.account("reader", "viewer", { model: "page-*" });
  const first = await ask(server.url, reader, "GET", "/api/v1/models?limit=2");
  const second = await ask(server.url, reader, "GET", `/api/v1/models?limit=2&after=${first.body.next}`);
  const names = [...first.body.items, ...second.body.items].map(({ name }: { name: string }) => name);
  expect(names).toEqual(["page-a", "page-b", "page-c"]);
  expect(second.body.next).toBeUndefined();
});
