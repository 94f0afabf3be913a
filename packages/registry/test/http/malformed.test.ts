import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;
let admin: string;
let ada: string;

beforeAll(async () => {
  server = await openTestServer(undefined, { bodyTimes: { json: 300, pause: 300 } });
  admin = await server.account("root", "admin");
  ada = await server.account("ada", "contributor");
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "digits" });
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

/** What comes back for bytes, until the other side hangs up. */
async function raw(...lines: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write(lines.join("\r\n"));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

const sent = async (path: string, text: string, headers: Record<string, string> = {}, method = "POST") => {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${admin}`, "content-type": "application/json", ...headers },
    body: text,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
};

test.each([
  ["badly encoded", "/api/v1/models/%zz"],
  ["too long", `/api/v1/models/${"a".repeat(1100)}`],
])("an address that is %s is refused like everything else", async (_, path) => {
  const { status, headers, body } = await ask(server.url, admin, "GET", path);
  expect({ status, code: body.code }).toEqual({ status: 400, code: "INVALID" });
  expect(headers.get("content-type")).toContain("application/problem+json");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});

test("MLflow's clients can read a refusal of an address, too", async () => {
  const { status, body } = await ask(server.url, admin, "GET", "/api/2.0/mlflow-artifacts/artifacts/1/%zz");
  expect([status, body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
});

test.each([
  ["400", ["GET / HTTP/9", "", ""]],
  ["431", ["GET /api/v1/me HTTP/1.1", "host: localhost", `x: ${"a".repeat(20_000)}`, "", ""]],
])("bytes that are no request are answered with %s, as a problem", async (status, lines) => {
  const [head, body] = (await raw(...lines)).split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toContain("x-content-type-options: nosniff");
  expect(JSON.parse(body!)).toMatchObject({ status: Number(status), code: "INVALID" });
});

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

test.each([
  ["/api/v1/sign-in", nested(200_000), "POST"],
  ["/api/v1/models", `{"name":"deep","tags":${nested(200_000)}}`, "POST"],
  ["/api/v1/models/digits/versions/1/evidence", `{"a":${nested(200_000)}}`, "POST"],
  ["/api/v1/environments/staging", `{"policy":${nested(200_000)}}`, "PATCH"],
])("JSON that is nested deep is refused before anything walks it: %s", async (path, text, method) => {
  const { status, body } = await sent(
    path,
    text,
    { authorization: `Bearer ${path.includes("evidence") ? ada : admin}` },
    method,
  );
  expect([status, body.detail]).toEqual([400, "the body: nested deeper than 64 levels"]);
});

test.each([
  ["POST", "/api/v1/models", { name: "nul", description: "a\0b" }],
  ["POST", "/api/v1/models", { name: "nul", tags: { "a\0b": "c" } }],
  ["POST", "/api/v1/models", { name: "nul", tags: { a: "\ud800" } }],
  ["PUT", "/api/v1/models/digits/tags/a%00b", { value: "c" }],
  ["GET", "/api/v1/models?contains=%00", undefined],
])("text that a store would cut off or refuse is refused first: %s %s %j", async (method, path, given) => {
  const { status, body } = await ask(server.url, admin, method, path, given);
  expect([status, body.code]).toEqual([400, "INVALID"]);
  expect(body.detail).toContain("expected text without NUL");
});

test("a backslash before u0000 is only text", async () => {
  const { status, body } = await ask(server.url, admin, "POST", "/api/v1/models", {
    name: "backslash",
    description: "\\u0000",
  });
  expect([status, body.description]).toEqual([201, "\\u0000"]);
});

test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])(
  "a body of %s, which any page can send, is refused by its type",
  async (type) => {
    const { status, body } = await sent("/api/v1/models", '{"name":"typed"}', { "content-type": type });
    expect([status, body.detail]).toEqual([400, `Content-Type: expected application/json, got "${type}"`]);
  },
);

test("whoever sends JSON so slowly that they only keep the connection is hung up on", async () => {
  const begun = ["POST /api/v1/sign-in HTTP/1.1", "host: localhost", "content-type: application/json"];
  expect(await raw(...begun, "content-length: 100", "", "{")).not.toContain("200 OK"); // raw ends when the server hangs up
});

test("a file may take its time, but not stand still", async () => {
  const { experiment_id } = (await ask(server.url, ada, "POST", "/api/2.0/mlflow/experiments/create", { name: "slow" }))
    .body;
  const run = (await ask(server.url, ada, "POST", "/api/2.0/mlflow/runs/create", { experiment_id })).body.run.info
    .run_id;
  const path = `/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run}/artifacts/notes.txt`;
  const head = [`PUT ${path} HTTP/1.1`, "host: localhost", `authorization: Bearer ${ada}`, "connection: close"];
  const begin = () => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write([...head, "content-length: 6", "", ""].join("\r\n"));
    return socket;
  };
  const slow = begin();
  for (const letter of "abcdef") {
    await delay(100); // in all longer than the pause that is allowed
    slow.write(letter);
  }
  let answer = "";
  for await (const chunk of slow) answer += chunk;
  expect(answer).toContain("200 OK");
  const still = begin();
  still.write("abc");
  let nothing = "";
  for await (const chunk of still) nothing += chunk;
  expect(nothing).not.toContain("200 OK");
});
