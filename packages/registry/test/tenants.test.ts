import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { roles } from "../src/access/actions.ts";
import { createToken, createUser, grantRole, localPrincipal } from "../src/index.ts";
import { routesOf } from "../src/server.ts";
import { ask, openTestServer, sha256Of, type TestServer } from "./open-server.ts";
import { uploadVersion } from "./signed-version.ts";

/** Stands in everything of the first tenant that has words. */
const marker = "belongs-to-the-first";
const files = { "model.onnx": Buffer.from(`no graph, but ${marker}`) };

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  let server: TestServer;
  let admin: string;
  let theirs: string;
  /** Ids of what the first tenant has, by the words that routes have for them. */
  const about: Record<string, string> = {};
  const api = (token: string, method: string, path: string, body?: unknown) =>
    ask(server.url, token, method, `/api/v1${path}`, body);

  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase(), {
      allowPrivateWebhooks: true,
    });
    admin = await server.account("root", "admin");
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  test("an administrator of the first tenant makes another, whose own signs in there", async () => {
    const made = await api(admin, "POST", "/tenants", { name: "acme" });
    expect(made).toMatchObject({ status: 201, body: { name: "acme", administrator: { name: "admin" } } });
    expect((await api(admin, "POST", "/tenants", { name: "acme" })).status).toBe(409);
    expect((await api(admin, "POST", "/tenants", { name: "default" })).status).toBe(409);
    for (const name of ["Acme", "../x", "a/b", "", "9lives"])
      expect((await api(admin, "POST", "/tenants", { name })).status, name).toBe(400);
    expect((await api(admin, "GET", "/tenants")).body.items).toEqual([{ name: "acme" }, { name: "default" }]);

    const { password } = made.body.administrator;
    const newPassword = "correct horse battery staple";
    const account = { name: "admin", oldPassword: password, newPassword };
    expect((await api("", "POST", "/password", account)).status).toBe(401);
    expect((await api("", "POST", "/password", { ...account, tenant: "acme" })).status).toBe(204);
    expect((await api("", "POST", "/sign-in", { name: "admin", password: newPassword })).status).toBe(401);
    const signedIn = await api("", "POST", "/sign-in", { tenant: "acme", name: "admin", password: newPassword });
    expect(signedIn).toMatchObject({ status: 200, body: { mustChangePassword: false } });
    const basic = `Basic ${Buffer.from(`acme/admin:${newPassword}`).toString("base64")}`;
    const token = await ask(server.url, "", "POST", "/api/v1/tokens", { name: "first" }, { authorization: basic });
    expect(token.status).toBe(201);
    theirs = token.body.token;
    expect((await api(theirs, "POST", "/tenants", { name: "third" })).status).toBe(403);
    expect((await api(theirs, "GET", "/users")).body.items.map(({ name }: { name: string }) => name)).toEqual([
      "admin",
    ]);
    const environments = await server.registry.store.rows
      .selectFrom("environments")
      .select("blob_prefix")
      .where("tenant", "=", "acme")
      .execute();
    expect(environments.map(({ blob_prefix }) => blob_prefix).sort()).toEqual([
      "acme-development",
      "acme-production",
      "acme-staging",
    ]);
    const keys = await Promise.all(
      ["acme", "default"].map(async (tenant) => (await server.registry.signerFor(tenant, "production")).publicKey.id),
    );
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("somebody with every role in one tenant finds nothing of another by any route, and changes nothing", async () => {
    await fill();
    const before = await rowsOf("default");
    const { id } = await createUser(server.registry, localPrincipal("acme"), { name: "max", kind: "person" });
    for (const role of roles)
      await grantRole(server.registry, localPrincipal("acme"), id, { role, model: "*", environment: "*" });
    const { token } = await createToken(server.registry, localPrincipal("acme"), id, { name: "all" });
    const routes = routesOf({ wake: () => undefined }).filter(
      ({ path }) => !path.startsWith("/ajax-api") && !path.endsWith("/stream"),
    );
    expect(routes.length).toBeGreaterThan(80);
    const answered: string[] = [];
    for (const { method, path, schema } of routes) {
      const query = new URLSearchParams(about);
      const place = path.replaceAll(/:(\w+)/g, (_, name: string) => about[nameOf(path, name)] ?? "1");
      const file = path.includes("/files/")
        ? "model.onnx"
        : `${about.experiment_id}/${about.run_id}/artifacts/notes.txt`;
      const url = `${place.replace("*", file)}?${query}`;
      const body = schema.body === undefined ? undefined : { ...about, experiment_ids: ["0"] };
      for (const each of body === undefined ? [undefined] : [body, filled(schema.body, about)]) {
        const answer = await ask(server.url, token, method, url, each);
        const text = `${JSON.stringify(answer.body)} ${JSON.stringify([...answer.headers])}`;
        if (text.includes(marker)) answered.push(`${method} ${path}: ${text.slice(0, 200)}`);
      }
    }
    expect(answered).toEqual([]);
    expect(await rowsOf("default")).toEqual(before);
  });

  /** Makes one of each thing in the first tenant. */
  async function fill(): Promise<void> {
    const who = await createUser(server.registry, localPrincipal(), { name: marker, kind: "person" });
    for (const role of roles)
      await grantRole(server.registry, localPrincipal(), who.id, { role, model: "*", environment: "*" });
    const { id, token } = await createToken(server.registry, localPrincipal(), who.id, { name: marker });
    const mlflow = (path: string, body: object) => ask(server.url, token, "POST", `/api/2.0/mlflow/${path}`, body);
    await api(token, "POST", "/models", { name: "first-model", description: marker });
    const { version } = await uploadVersion(server, token, "first-model", files);
    await api(token, "PUT", `/models/first-model/aliases/champion`, { version });
    const target = { name: marker, url: "https://127.0.0.1:1/hook", events: ["version:retire"] };
    const hook = await api(token, "POST", "/webhooks", target);
    const environment = await api(token, "PATCH", "/environments/staging", {
      policy: { name: marker, requirements: [] },
    });
    expect([hook, environment]).toMatchObject([{ status: 201 }, { status: 200 }]);
    const wish = { model: "first-model", version, environment: "staging", reason: marker };
    const promotion = await api(token, "POST", "/promotions", wish);
    expect(promotion.status).toBe(201);
    const experiment = await mlflow("experiments/create", { name: marker });
    const { run } = (await mlflow("runs/create", { experiment_id: experiment.body.experiment_id, run_name: marker }))
      .body;
    await mlflow("runs/log-parameter", { run_id: run.info.run_id, key: "k", value: marker });
    const artifact = `/api/2.0/mlflow-artifacts/artifacts/${experiment.body.experiment_id}/${run.info.run_id}/artifacts/notes.txt`;
    expect((await ask(server.url, token, "PUT", artifact, Buffer.from(marker))).status).toBe(200);
    const logged = await mlflow("logged-models", { experiment_id: experiment.body.experiment_id, name: marker });
    const { items } = (await api(token, "GET", `/models/first-model/versions/${version}/evidence`)).body;
    Object.assign(about, {
      ...{ name: "first-model", model: "first-model", version: String(version), environment: "staging" },
      ...{ alias: "champion", sha256: sha256Of(files["model.onnx"]), digest: sha256Of(files["model.onnx"]) },
      ...{ experiment_id: experiment.body.experiment_id, run_id: run.info.run_id, run_uuid: run.info.run_id },
      ...{ model_id: logged.body.model.info.model_id, promotion: promotion.body.id, user: who.id, token: id },
      ...{ webhook: hook.body.id, evidence: items[0].id, path: "notes.txt", sequence: "3", grant: "g-1", key: "k" },
    });
  }

  /** All that a tenant has, but for what is counted or timed when somebody asks. */
  async function rowsOf(tenant: string): Promise<Record<string, readonly unknown[]>> {
    await server.server.admissions.settled();
    const { rows } = server.registry.store;
    const tables = (await rows.introspection.getTables()).filter(({ columns }) =>
      columns.some(({ name }) => name === "tenant"),
    );
    expect(tables.length).toBeGreaterThan(20);
    const found: Record<string, readonly unknown[]> = {};
    for (const { name } of tables.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      found[name] = (
        await rows
          .selectFrom(name as "events")
          .selectAll()
          .where("tenant", "=", tenant)
          .execute()
      )
        .map((row) => JSON.stringify(row))
        .sort();
    return found;
  }
});

/** Which id a parameter of a path is. */
function nameOf(path: string, parameter: string): string {
  if (parameter !== "id") return parameter;
  const [, kind = ""] = /\/(promotions|users|tokens|webhooks|evidence)\/:id/.exec(path) ?? [];
  return kind === "evidence" ? kind : kind.slice(0, -1);
}

/** A body with each member that a schema has, where the other tenant's ids have a value of that name. */
function filled(schema: unknown, values: Readonly<Record<string, string>>): Record<string, unknown> {
  const { properties = {} } = schema as { readonly properties?: Record<string, { readonly type?: string }> };
  return Object.fromEntries(
    Object.entries(properties).map(([name, { type }]) => {
      const value = values[name] ?? values[name.replace(/_?id$/i, "")] ?? "x";
      return [
        name,
        type === "integer" || type === "number" ? 1 : type === "boolean" ? true : type === "array" ? [value] : value,
      ];
    }),
  );
}
