import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow, put } from "./server-with.ts";

let server: TestServer;
let ada: string;
let eve: string;
let experiment: string;
let run: string;

beforeAll(async () => {
  server = await openTestServer();
  ada = await accountWith(server, "ada", ["contributor", "admin"]);
  eve = await accountWith(server, "eve", ["viewer"]);
  experiment = (await mlflow(server, ada, "POST", "experiments/create", { name: "e" })).body.experiment_id;
  run = (await mlflow(server, ada, "POST", "runs/create", { experiment_id: experiment })).body.run.info.run_id;
  expect(
    (await put(server, ada, `${experiment}/${run}/artifacts/model/notes.txt`, "<script>alert(1)</script>")).status,
  ).toBe(200);
  await mlflow(server, ada, "POST", "registered-models/create", { name: "digits" });
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

const raw = async (method: string, path: string, body?: Buffer) => {
  // node's client, since fetch tidies paths up before it sends them
  const { request } = await import("node:http");
  const { port } = new URL(server.url);
  return await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${ada}`, "content-type": "application/octet-stream" };
    request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode!, text }));
    })
      .on("error", reject)
      .end(body);
  });
};

test.each([
  "../../etc/passwd",
  "..%2f..%2fetc/passwd",
  "..%252f..%252fetc/passwd",
  "%2e%2e/%2e%2e/etc/passwd",
  "a/../../b",
  "a%2f..%2f..%2fb",
  "a%5c..%5cb",
  "a%00.txt",
  "a%23fragment",
  "a%3Fquery",
  "C%3A/windows",
  "%2Fetc/passwd",
  "a//b",
  "./a",
  "a.",
])("refuses the artifact path %s to read, write and delete", async (path) => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const { status, text } = await raw(
      method,
      `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${run}/artifacts/${path}`,
      method === "PUT" ? Buffer.from("x") : undefined,
    );
    expect([400, 404], text).toContain(status);
    expect(JSON.parse(text).error_code).toMatch(/INVALID_PARAMETER_VALUE|RESOURCE_DOES_NOT_EXIST|ENDPOINT_NOT_FOUND/);
  }
  const kept = await server.registry.store.rows.selectFrom("artifacts").select("path").execute();
  expect(kept.map((each) => each.path)).toEqual([`${experiment}/${run}/artifacts/model/notes.txt`]);
});

test.each(["../..", "a/../..", "..\\..", "%2e%2e", "a#b", "a?b", "a\0b", "/etc"])(
  "refuses to list %s",
  async (path) => {
    for (const answer of [
      await mlflow(server, ada, "GET", "artifacts/list", { run_id: run, path }),
      await ask(
        server.url,
        ada,
        "GET",
        `/api/2.0/mlflow-artifacts/artifacts?path=${encodeURIComponent(`${experiment}/${run}/artifacts/${path}`)}`,
      ),
    ])
      expect([answer.status, answer.body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
  },
);

test.each([
  "file:///etc",
  "/etc/passwd",
  "s3://bucket/model",
  "http://127.0.0.1:1/model",
  "mlflow-artifacts://elsewhere:5000/1/model",
  "mlflow-artifacts:/../../etc",
  "mlflow-artifacts:/1/..%2f..%2fetc",
  "models:/digits/1/../../x",
  "models:/digits/1#../../etc",
  "models:/digits/1?x=/etc",
  "models:/m-00000000000000000000000000000000/../etc",
  "runs:/x/../../etc",
  "dummy-source",
])("refuses the source %s, whatever tags come with it", async (source) => {
  for (const tags of [[], [{ key: "mlflow.prompt.is_prompt", value: "true" }]]) {
    const { status, body } = await mlflow(server, ada, "POST", "model-versions/create", {
      name: "digits",
      source,
      tags,
    });
    expect([status, body.error_code], source).toEqual([400, "INVALID_PARAMETER_VALUE"]);
  }
  expect((await server.registry.store.rows.selectFrom("versions").select("version").execute()).length).toBe(0);
});

test("does not let a client choose where artifacts lie", async () => {
  const { body } = await mlflow(server, ada, "POST", "experiments/create", {
    name: "placed",
    artifact_location: "file:///etc",
  });
  const { body: made } = await mlflow(server, ada, "GET", "experiments/get", { experiment_id: body.experiment_id });
  expect(made.experiment.artifact_location).toBe(`mlflow-artifacts:/${body.experiment_id}`);
});

test("takes names for one that differ in case or in how an accent is written, encoded or not", async () => {
  await mlflow(server, ada, "POST", "registered-models/create", { name: "Café" });
  for (const name of ["CAFÉ", "cafe\u0301", "Cafe\u0301", "ｃａｆé"]) {
    const { status, body } = await mlflow(server, ada, "POST", "registered-models/create", { name });
    expect([status, body.error_code], name).toEqual([400, "RESOURCE_ALREADY_EXISTS"]);
  }
  for (const name of ["digits%31", "digits/1", "a\\b", "a#b", "a?b", "..", "a:b"]) {
    const { status, body } = await mlflow(server, ada, "POST", "registered-models/create", { name });
    expect([status, body.error_code], name).toEqual([400, "INVALID_PARAMETER_VALUE"]);
  }
  expect((await mlflow(server, ada, "POST", "experiments/create", { name: "E" })).body.error_code).toBe(
    "RESOURCE_ALREADY_EXISTS",
  );
});

test("sends files as attachments that no browser takes for a page", async () => {
  const { status, headers } = await ask(
    server.url,
    eve,
    "GET",
    `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${run}/artifacts/model/notes.txt`,
  );
  expect(status).toBe(200);
  expect(headers.get("content-disposition")).toBe("attachment");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("content-type")).toBe("application/octet-stream");
});

test("keeps the bytes of a file that says it is JSON, however long or broken", async () => {
  const broken = Buffer.from(`{"a": NaN, ${" ".repeat(1_200_000)}`);
  const path = `${experiment}/${run}/artifacts/broken.json`;
  const sent = await ask(server.url, ada, "PUT", `/api/2.0/mlflow-artifacts/artifacts/${path}`, broken, {
    "content-type": "application/json",
  });
  expect(sent.status).toBe(200);
  expect((await ask(server.url, ada, "GET", `/api/2.0/mlflow-artifacts/artifacts/${path}`)).body).toBe(
    broken.toString(),
  );
  await mlflow(server, ada, "GET", "artifacts/list", { run_id: run });
  expect((await ask(server.url, ada, "DELETE", `/api/2.0/mlflow-artifacts/artifacts/${path}`)).status).toBe(200);
});

test("answers who may not with 401 and 403, never with what makes a client try again", async () => {
  const denied = await mlflow(server, eve, "POST", "runs/log-metric", {
    run_id: run,
    key: "a",
    value: 1,
    timestamp: 1,
  });
  expect([denied.status, denied.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
  const upload = await put(server, eve, `${experiment}/${run}/artifacts/x`, "x");
  expect([upload.status, upload.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
  for (const step of ["create", "complete", "abort"]) {
    const { status } = await ask(
      server.url,
      eve,
      "POST",
      `/api/2.0/mlflow-artifacts/mpu/${step}/${experiment}/${run}/artifacts/x`,
      {},
    );
    expect(status).toBe(403);
  }
  const unknown = await mlflow(server, "", "POST", "experiments/search", {});
  expect([unknown.status, unknown.body.error_code]).toEqual([401, "UNAUTHENTICATED"]);
  const bad = await mlflow(server, "cmt_aaaaaaaaaaaa_x", "POST", "experiments/search", {});
  expect([bad.status, bad.body.error_code]).toEqual([401, "UNAUTHENTICATED"]);
});

test("declines uploads in parts in the words that make a client send the file whole", async () => {
  const { status, body } = await ask(
    server.url,
    ada,
    "POST",
    `/api/2.0/mlflow-artifacts/mpu/create/${experiment}/${run}/artifacts`,
    { path: "x", num_parts: 2 },
  );
  expect(status).toBe(501);
  expect(body.message).toMatch(/^Multipart upload is not supported for the current artifact repository/);
});

test("says ENDPOINT_NOT_FOUND of what MLflow has and this has not", async () => {
  for (const path of [
    "/api/2.0/mlflow/nope",
    "/ajax-api/2.0/mlflow/gateway-proxy",
    "/api/3.0/mlflow/traces",
    "/api/2.0/mlflow/runs/create",
  ]) {
    const { status, body } = await ask(server.url, ada, "GET", path);
    expect([status, body.error_code], path).toEqual([404, "ENDPOINT_NOT_FOUND"]);
  }
});

test("files of a logged model do not change once it is ready", async () => {
  const { body } = await mlflow(server, ada, "POST", "logged-models", { experiment_id: experiment, name: "net" });
  const { model_id } = body.model.info;
  const path = `${experiment}/models/${model_id}/artifacts/weights.txt`;
  expect((await put(server, ada, path, "before")).status).toBe(200);
  await mlflow(server, ada, "PATCH", `logged-models/${model_id}`, { status: "LOGGED_MODEL_READY" });
  const changed = await put(server, ada, path, "after");
  expect([changed.status, changed.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
  expect((await ask(server.url, ada, "DELETE", `/api/2.0/mlflow-artifacts/artifacts/${path}`)).status).toBe(403);
  expect((await ask(server.url, ada, "GET", `/api/2.0/mlflow-artifacts/artifacts/${path}`)).body).toBe("before");
});

test("a path must name the experiment that the run belongs to", async () => {
  const { body } = await mlflow(server, ada, "POST", "experiments/create", { name: "another" });
  expect((await put(server, ada, `${body.experiment_id}/${run}/artifacts/x`, "x")).status).toBe(404);
});
