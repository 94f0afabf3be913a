import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow, put } from "./server-with.ts";

let server: TestServer;
let receiver: Server;
let url: string;
let token: string;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];
const secret = "only the two of us know this";

beforeAll(async () => {
  server = await openTestServer(undefined, { allowPrivateWebhooks: true, webhookWait: 10 });
  token = await accountWith(server, "mia", ["contributor", "admin"]);
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    response.end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
  receiver.close();
});

const call = (method: string, path: string, body?: object) =>
  mlflow(server, token, method, path, body as Record<string, unknown>);

test("tells in MLflow's words, signed as MLflow signs, of models, versions, tags and aliases", async () => {
  const events = [
    "REGISTERED_MODEL.CREATED",
    "MODEL_VERSION.CREATED",
    "MODEL_VERSION_TAG.SET",
    "MODEL_VERSION_TAG.DELETED",
    "MODEL_VERSION_ALIAS.CREATED",
    "MODEL_VERSION_ALIAS.DELETED",
  ].map((event) => {
    const [entity, action] = event.split(".");
    return { entity, action };
  });
  const { body } = await call("POST", "webhooks", { name: "deploy", url, events, secret });
  expect(body.webhook).toMatchObject({ name: "deploy", url, events, status: "ACTIVE" });
  expect(JSON.stringify(body)).not.toContain(secret);

  await call("POST", "registered-models/create", {
    name: "digits",
    description: "of 0 to 9",
    tags: [{ key: "team", value: "red" }],
  });
  const { run_id } = (await call("POST", "runs/create", {})).body.run.info;
  await put(server, token, `0/${run_id}/artifacts/model/weights.txt`, "1 2 3");
  await call("POST", "model-versions/create", { name: "digits", source: `runs:/${run_id}/model` });
  await server.server.admissions.settled();
  const version = { name: "digits", version: "1" };
  await call("POST", "model-versions/set-tag", { ...version, key: "checked", value: "yes" });
  await call("DELETE", "model-versions/delete-tag", { ...version, key: "checked" });
  await call("POST", "registered-models/alias", { ...version, alias: "best" });
  await call("DELETE", "registered-models/alias", { name: "digits", alias: "best" });

  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(6);
  expect(received.map(({ body: text }) => JSON.parse(text)).map(({ timestamp: _, ...rest }) => rest)).toEqual([
    {
      entity: "registered_model",
      action: "created",
      data: { name: "digits", tags: { team: "red" }, description: "of 0 to 9" },
    },
    {
      entity: "model_version",
      action: "created",
      data: { ...version, source: `runs:/${run_id}/model`, run_id, tags: {}, description: "" },
    },
    { entity: "model_version_tag", action: "set", data: { ...version, key: "checked", value: "yes" } },
    { entity: "model_version_tag", action: "deleted", data: { ...version, key: "checked" } },
    { entity: "model_version_alias", action: "created", data: { ...version, alias: "best" } },
    { entity: "model_version_alias", action: "deleted", data: { name: "digits", alias: "best" } },
  ]);
  for (const { headers, body: text } of received) {
    const signed = `${headers["x-mlflow-delivery-id"]}.${headers["x-mlflow-timestamp"]}.${text}`;
    expect(headers["x-mlflow-signature"]).toBe(`v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
  }
});

test("changes, tries out, lists and removes a webhook", async () => {
  const events = [{ entity: "MODEL_VERSION", action: "CREATED" }];
  const { webhook_id: id } = (await call("POST", "webhooks", { name: "other", url, events })).body.webhook;
  expect((await call("POST", `webhooks/${id}/test`, {})).body).toEqual({
    result: { success: true, response_status: 200 },
  });
  expect(JSON.parse(received.at(-1)!.body)).toMatchObject({ entity: "model_version", action: "created" });
  const changed = await call("PATCH", `webhooks/${id}`, { name: "renamed", status: "DISABLED" });
  expect(changed.body.webhook).toMatchObject({ name: "renamed", status: "DISABLED", events });
  expect((await call("GET", "webhooks")).body.webhooks.map(({ name }: { name: string }) => name)).toEqual([
    "deploy",
    "renamed",
  ]);
  await call("DELETE", `webhooks/${id}`, {});
  expect((await call("GET", `webhooks/${id}`)).body.error_code).toBe("RESOURCE_DOES_NOT_EXIST");
});

test("refuses events that there are none of, and who may not", async () => {
  for (const event of [
    { entity: "PROMPT", action: "CREATED" },
    { entity: "MODEL_VERSION", action: "toString" },
  ])
    expect((await call("POST", "webhooks", { name: "x", url, events: [event] })).body.error_code).toBe(
      "INVALID_PARAMETER_VALUE",
    );
  const eve = await accountWith(server, "eve", ["contributor"]);
  expect((await mlflow(server, eve, "GET", "webhooks")).status).toBe(403);
});

test("refuses addresses that are not public, of any spelling", async () => {
  const strict = await openTestServer();
  try {
    const root = await accountWith(strict, "root", ["admin"]);
    const events = [{ entity: "MODEL_VERSION", action: "CREATED" }];
    for (const address of [
      "http://example.com/",
      "https://127.0.0.1/",
      "https://[::1]/",
      "https://10.0.0.1/",
      "https://169.254.169.254/latest",
      "https://2130706433/",
      "https://user:pass@example.com/",
      "file:///etc/passwd",
    ]) {
      const { status, body } = await mlflow(strict, root, "POST", "webhooks", { name: "x", url: address, events });
      expect([status, body.error_code], address).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    }
  } finally {
    await strict.close();
  }
});
