import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../store/test/homes.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow, put } from "./server-with.ts";

let server: TestServer;
let token: string;

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    token = await accountWith(server, "mia", ["contributor", "releaser", "admin"]);
    await post("registered-models/create", { name: "digits" });
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const post = (path: string, body: object) => mlflow(server, token, "POST", path, body as Record<string, unknown>);
  const get = (path: string, query: object) => mlflow(server, token, "GET", path, query as Record<string, unknown>);
  const remove = (path: string, body: object) => mlflow(server, token, "DELETE", path, body as Record<string, unknown>);
  const file = (path: string) => ask(server.url, token, "GET", `/api/2.0/mlflow-artifacts/artifacts/${path}`);

  /** Registers files of a new run; the version once it was looked at. */
  async function register(name: string, files: Readonly<Record<string, string | Buffer>>) {
    const { body } = await post("runs/create", {});
    const { run_id } = body.run.info;
    for (const [path, content] of Object.entries(files))
      expect((await put(server, token, `0/${run_id}/artifacts/model/${path}`, content)).status).toBe(200);
    const made = await post("model-versions/create", { name, source: `runs:/${run_id}/model` });
    expect(made.status, JSON.stringify(made.body)).toBe(200);
    await server.server.admissions.settled();
    const { version } = made.body.model_version;
    return { run_id, version, ...(await get("model-versions/get", { name, version })).body.model_version };
  }

  // cos\nsystem called with a text: what a stranger's pickle does when it is loaded
  const malicious = Buffer.from("\x80\x04cos\nsystem\n\x8c\x04echo\x85R.", "latin1");

  test("a version is ready only after its files were scanned, and a client is told why one is not", async () => {
    const good = await register("digits", { "weights.txt": "1 2 3", MLmodel: "flavors: {}\n" });
    expect(good).toMatchObject({ status: "READY", current_stage: "None", run_id: good.run_id });
    const bad = await register("digits", { "model.pkl": malicious });
    expect(bad.status).toBe("FAILED_REGISTRATION");
    expect(bad.status_message).toMatch(/malicious.*model\.pkl/);
    const refused = await get("model-versions/get-download-uri", { name: "digits", version: bad.version });
    expect([refused.status, refused.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
    expect((await file(`versions/digits/${bad.version}/model.pkl`)).status).toBe(403);
    expect(
      (await post("registered-models/alias", { name: "digits", alias: "best", version: bad.version })).status,
    ).toBe(409);
  });

  test("what happens to a run afterwards does not change the version that was made of it", async () => {
    const { run_id, version } = await register("digits", { "weights.txt": "before" });
    const { body } = await get("model-versions/get-download-uri", { name: "digits", version });
    expect(body.artifact_uri).toBe(`mlflow-artifacts:/versions/digits/${version}`);
    await put(server, token, `0/${run_id}/artifacts/model/weights.txt`, "after");
    expect(
      (await ask(server.url, token, "DELETE", `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/model`))
        .status,
    ).toBe(200);
    expect((await file(`versions/digits/${version}/weights.txt`)).body).toBe("before");
    for (const method of ["PUT", "DELETE"])
      expect(
        (
          await ask(
            server.url,
            token,
            method,
            `/api/2.0/mlflow-artifacts/artifacts/versions/digits/${version}/weights.txt`,
          )
        ).status,
      ).toBe(403);
  });

  test("a version that was deleted leaves what runs and other versions have of it", async () => {
    const { run_id, version } = await register("digits", { "shared.txt": "shared", "own.txt": "own" });
    await post("registered-models/create", { name: "copies" });
    const copy = await post("model-versions/create", { name: "copies", source: `models:/digits/${version}` });
    expect(copy.status).toBe(200);
    await server.server.admissions.settled();
    expect((await remove("model-versions/delete", { name: "digits", version })).status).toBe(200);
    expect((await get("model-versions/get", { name: "digits", version })).body.error_code).toBe(
      "RESOURCE_DOES_NOT_EXIST",
    );
    expect((await file(`0/${run_id}/artifacts/model/own.txt`)).body).toBe("own");
    expect((await file("versions/copies/1/shared.txt")).body).toBe("shared");
  });

  test("numbers go on after a deletion, and nothing is registered of nothing", async () => {
    const first = await register("digits", { a: "1" });
    await remove("model-versions/delete", { name: "digits", version: first.version });
    const second = await register("digits", { a: "1" });
    expect(Number(second.version)).toBe(Number(first.version) + 1);
    const { body } = await post("runs/create", {});
    const empty = await post("model-versions/create", {
      name: "digits",
      source: `runs:/${body.run.info.run_id}/model`,
    });
    expect([empty.status, empty.body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
  });

  test("nobody registers what they may not read", async () => {
    const { version } = await register("digits", { a: "secret" });
    const mallory = await server.account("mallory", "contributor", { model: "mallory-*" });
    await mlflow(server, mallory, "POST", "registered-models/create", { name: "mallory-1" });
    for (const source of [`models:/digits/${version}`, "runs:/nothing/model"]) {
      const { status } = await mlflow(server, mallory, "POST", "model-versions/create", { name: "mallory-1", source });
      expect([403, 404]).toContain(status);
    }
    const { body } = await mlflow(server, mallory, "GET", "registered-models/search");
    expect(body.registered_models.map(({ name }: { name: string }) => name)).toEqual(["mallory-1"]);
    expect((await mlflow(server, mallory, "GET", "model-versions/search")).body.model_versions).toEqual([]);
  });

  test("Production and Staging are not set: they are asked for, and others approve", async () => {
    const { version } = await register("digits", { a: "stage" });
    const moved = await post("model-versions/transition-stage", { name: "digits", version, stage: "production" });
    expect(moved.status).toBe(409); // the gate: no robustness, no signature
    expect(moved.body.message).toMatch(/production refuses version/);
    const asked = await post("model-versions/transition-stage", { name: "digits", version, stage: "staging" });
    expect([asked.status, asked.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
    expect((await get("model-versions/get", { name: "digits", version })).body.model_version.current_stage).toBe(
      "None",
    );
    const archived = await post("model-versions/transition-stage", { name: "digits", version, stage: "archived" });
    expect(archived.body.model_version.current_stage).toBe("Archived");
    const { body } = await post("registered-models/get-latest-versions", { name: "digits", stages: ["Archived"] });
    expect(body.model_versions.map((each: { version: string }) => each.version)).toEqual([version]);
    expect((await post("model-versions/transition-stage", { name: "digits", version, stage: "Live" })).status).toBe(
      400,
    );
    expect((await post("registered-models/alias", { name: "digits", alias: "production", version })).status).toBe(403);
  });

  test("searches versions by model, number, run and tag, newest first", async () => {
    const { version, run_id } = await register("digits", { a: "searched" });
    await post("model-versions/set-tag", { name: "digits", version, key: "checked", value: "yes" });
    const found = async (filter: string, order_by: readonly string[] = []) =>
      (await get("model-versions/search", { filter, order_by })).body.model_versions.map(
        (each: { name: string; version: string }) => `${each.name} ${each.version}`,
      );
    expect(await found("name = 'digits' and tags.checked = 'yes'")).toEqual([`digits ${version}`]);
    expect(await found(`run_id = '${run_id}'`)).toEqual([`digits ${version}`]);
    expect(await found(`run_id IN ('${run_id}', 'other')`)).toEqual([`digits ${version}`]);
    expect(await found(`source_path LIKE 'runs:/${run_id}%'`)).toEqual([`digits ${version}`]);
    expect(await found(`version_number >= ${version} and name = 'digits'`)).toEqual([`digits ${version}`]);
    const all = await found("name = 'digits'");
    expect(await found("name = 'digits'", ["version_number ASC"])).toEqual([...all].reverse());
    expect((await get("model-versions/search", { filter: "current_stage = 'None'" })).status).toBe(400);
  });

  test("a registered model keeps its name", async () => {
    const { status, body } = await post("registered-models/rename", { name: "digits", new_name: "numbers" });
    expect([status, body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
  });
});
