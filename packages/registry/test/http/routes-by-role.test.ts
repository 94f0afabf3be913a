import { afterAll, beforeAll, expect, test } from "vitest";
import { actions, type Role, roles } from "../../src/access/actions.ts";
import { createApp } from "../../src/http/app.ts";
import type { Route } from "../../src/http/route.ts";
import { openAuthentication } from "../../src/identity/authenticate.ts";
import { routesOf } from "../../src/server.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;
let app: Awaited<ReturnType<typeof createApp>>;
const tokens = new Map<Role | "nobody", string>();
/** What the routes are about; words of all of them, since each takes its own. */
const about: Record<string, unknown> = {
  model: "digits",
  name: "digits",
  environment: "production",
  experiment_id: "0",
  experiment_ids: ["0"],
};
const promotion = "p-1";

const routes = routesOf({ wake: () => undefined });
// as they are declared, but that what they do once it is allowed is to say so
const declared: readonly Route[] = routes.map(({ schema, hasSecret, bodyLimit, ...route }) => ({
  ...route,
  schema: { ...(schema.body === undefined ? {} : { body: {} }) },
  handle: async () => ({ status: 299, body: "allowed" }),
}));

beforeAll(async () => {
  server = await openTestServer();
  for (const role of roles)
    tokens.set(role, await server.account(`the-${role}`, role, { kind: role === "service" ? "service" : "person" }));
  const contributor = tokens.get("contributor")!;
  const post = async (path: string, body: object) => (await ask(server.url, contributor, "POST", path, body)).body;
  await post("/api/v1/models", { name: "digits" });
  const { run } = await post("/api/2.0/mlflow/runs/create", { experiment_id: "0" });
  const logged = await post("/api/2.0/mlflow/logged-models", { experiment_id: "0", name: "digits" });
  Object.assign(about, { run_id: run.info.run_id, run_uuid: run.info.run_id, logged: logged.model.info.model_id });
  const at = server.registry.now();
  const row = {
    ...{ tenant: "default", id: promotion, model: "digits", version: 1, root_digest: "0".repeat(64) },
    ...{ environment: "production", state: "open" as const, author: "local", reason: "", policy_digest: "" },
    ...{ approvals_needed: 1, decision: "{}", created_at: at, expires_at: at, closed_at: null, revision: 1 },
  };
  await server.registry.store.write((rows) => rows.insertInto("promotions").values(row).execute());
  app = await createApp({
    registry: server.registry,
    routes: declared,
    authenticate: openAuthentication(server.registry),
    version: "0.1.0",
    failed: (error) => server.failures.push(error),
  });
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await app.close();
  await server.close();
});

function pathOf(path: string): string {
  const { run_id, logged } = about;
  const artifact = path.includes("mlflow-artifacts") ? `0/${run_id}/artifacts/a.txt` : "a.txt";
  return path
    .replace("/promotions/:id", `/promotions/${promotion}`)
    .replace(":model_id", String(logged))
    .replace(":model", "digits")
    .replace(":environment", "production")
    .replace(":version", "1")
    .replace(":sequence", "0")
    .replace(":sha256", "0".repeat(64))
    .replaceAll(/:\w+/g, "x")
    .replace("*", artifact);
}

async function statusOf({ method, path, schema }: Route, authorization: string | undefined): Promise<number> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...about, path: `0/${about.run_id}/artifacts` }))
    for (const each of [value].flat()) query.append(name, String(each));
  const { statusCode } = await app.inject({
    method,
    url: `${pathOf(path)}?${query}`,
    headers: { host: "localhost", ...(authorization === undefined ? {} : { authorization }) },
    ...(schema.body === undefined ? {} : { payload: about }),
  });
  return statusCode;
}

const own = declared.filter(({ path }) => !path.startsWith("/ajax-api")); // which are the same routes again

test("MLflow's second prefix has the same routes with the same access", () => {
  const again = declared.filter(({ path }) => path.startsWith("/ajax-api"));
  expect(again.length).toBeGreaterThan(40);
  for (const { method, path, access } of again)
    expect(own.find((each) => each.method === method && each.path === path.replace("/ajax-api", "/api"))?.access).toBe(
      access,
    );
});

test.each(own.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s is for the roles of its action, and for strangers only where it says so",
  async (_, route) => {
    const { access } = route;
    expect(await statusOf(route, undefined)).toBe(access.type === "public" ? 299 : 401);
    expect(await statusOf(route, "Bearer cmt_AAAAAAAAAAAA_wrong")).toBe(access.type === "public" ? 299 : 401);
    const allowed: readonly Role[] = access.type === "action" ? actions[access.action] : roles;
    const statuses: Record<string, number> = {};
    for (const role of roles) statuses[role] = await statusOf(route, `Bearer ${tokens.get(role)}`);
    expect(statuses).toEqual(Object.fromEntries(roles.map((role) => [role, allowed.includes(role) ? 299 : 403])));
  },
);
