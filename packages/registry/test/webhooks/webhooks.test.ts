import { createHmac } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServer as createRegistryServer } from "../../src/server.ts";
import { checkWebhookUrl, isPublic } from "../../src/webhooks/address.ts";
import { enqueue } from "../../src/webhooks/enqueue.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

interface Delivery {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let server: TestServer;
let admin: string;
const received: Delivery[] = [];
const statuses: number[] = [];
const receiver = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
  const status = statuses.shift() ?? 204;
  response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
  waiting?.();
});
let waiting: (() => void) | undefined;

beforeAll(async () => {
  server = await openTestServer(undefined, { allowPrivateWebhooks: true, webhookWait: 20 });
  admin = await server.account("root", "admin");
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
  receiver.close();
});

const arrivals = async (count: number) => {
  while (received.length < count) await new Promise<void>((resolve) => (waiting = resolve));
};
const fail = (error: unknown) => {
  throw error;
};
const url = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;

test("a change is delivered, signed, and again until it is taken; a redirect is not followed", async () => {
  const { body: webhook } = await ask(server.url, admin, "POST", "/api/v1/webhooks", {
    name: "chat",
    url: url(),
    events: ["model:create"],
  });
  statuses.push(500, 302);
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "digits" });
  await ask(server.url, admin, "PATCH", "/api/v1/models/digits", { description: "nobody asked for this" });
  await arrivals(3);
  expect(received.map(({ body }) => JSON.parse(body).action)).toEqual(["model:create", "model:create", "model:create"]);
  for (const { headers, body } of received) {
    const id = headers["x-casemate-delivery-id"];
    const signed = createHmac("sha256", webhook.secret)
      .update(`${id}.${headers["x-casemate-timestamp"]}.${body}`)
      .digest("base64");
    expect(headers["x-casemate-signature"]).toBe(`v1,${signed}`);
  }
  expect(new Set(received.map(({ headers }) => headers["x-casemate-delivery-id"])).size).toBe(1);
  const listed = await ask(server.url, admin, "GET", "/api/v1/webhooks");
  expect(JSON.stringify(listed.body)).not.toContain(webhook.secret);
  expect((await ask(server.url, admin, "DELETE", `/api/v1/webhooks/${webhook.id}`)).status).toBe(204);
});

test.each([
  "http://example.com/hook",
  "ftp://example.com/",
  "https://user:secret@example.com/",
  "https://127.0.0.1/",
  "https://[::1]/",
  "https://169.254.169.254/latest/meta-data",
  "https://10.0.0.8/",
  "https://[::ffff:10.0.0.8]/",
  "https://2130706433/",
  "https://0x7f.1/",
  "not a url",
])("the address %s is refused", (address) => {
  expect(() => checkWebhookUrl(address, { allowPrivate: false })).toThrow("url: expected");
});

test.each([
  ["8.8.8.8", true],
  ["2606:4700::1111", true],
  ["192.168.1.1", false],
  ["100.64.0.1", false],
  ["fd00::1", false],
  ["fe80::1", false],
  ["::", false],
  ["64:ff9b::a00:1", false],
  ["::ffff:8.8.8.8", false],
  ["fec0::1", false],
  ["3fff::1", false],
  ["2002:a00:1::", false],
  ["4000::1", false],
  ["168.63.129.16", false],
  ["255.255.255.255", false],
  ["localhost", false],
])("%s is public: %s", (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});

test("a name that leads to this host is not delivered to, where private addresses are closed", async () => {
  const closed = await openTestServer(undefined, { webhookWait: 5 });
  const root = await closed.account("root", "admin");
  const { port } = receiver.address() as AddressInfo;
  const before = received.length;
  expect(
    (
      await ask(closed.url, root, "POST", "/api/v1/webhooks", {
        name: "rebound",
        url: `https://localhost:${port}/`,
        events: ["*"],
      })
    ).status,
  ).toBe(201);
  await ask(closed.url, root, "POST", "/api/v1/models", { name: "digits" });
  const last = async () =>
    (await closed.registry.store.rows
      .selectFrom("webhook_deliveries")
      .select(["last_status", "done_at"])
      .executeTakeFirst())!;
  while ((await last()).last_status === "") await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await last()).last_status).toContain("leads to an address that is not public");
  expect(received.length).toBe(before);
  await closed.close();
});

test("a webhook that does not answer holds up no other; what became of deliveries is told", async () => {
  const silent = createSocketServer(); // takes the request, and says nothing
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const add = async (name: string, to: string) =>
    (await ask(server.url, admin, "POST", "/api/v1/webhooks", { name, url: to, events: ["alias:set"] })).body;
  const dead = await add("dead", `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
  const live = await add("live", url());
  const before = received.length;
  await server.registry.store.write((rows) =>
    enqueue(rows, { tenant: "default", sequence: 900, action: "alias:set", entry: "{}", at: 0 }),
  );
  const connected = once(silent, "connection");
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "wakes" });
  const [socket] = await connected;
  await arrivals(before + 1);
  const told = async (id: string) =>
    (await ask(server.url, admin, "GET", `/api/v1/webhooks/${id}/deliveries`)).body.items;
  expect(await told(dead.id)).toMatchObject([{ sequence: 900, attempts: 1, lastStatus: "", isDone: false }]);
  while (!(await told(live.id))[0].isDone) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await told(live.id)).toMatchObject([{ sequence: 900, attempts: 1, lastStatus: "204", isDone: true }]);
  await ask(server.url, admin, "DELETE", `/api/v1/webhooks/${dead.id}`);
  await ask(server.url, admin, "DELETE", `/api/v1/webhooks/${live.id}`);
  socket.destroy();
  silent.close();
});

test("what waits is delivered by the process that comes after", async () => {
  const first = await openTestServer(undefined, { allowPrivateWebhooks: true, webhookWait: 60_000 });
  const root = await first.account("root", "admin");
  const before = received.length;
  statuses.push(503);
  await ask(first.url, root, "POST", "/api/v1/webhooks", { name: "later", url: url(), events: ["model:create"] });
  await ask(first.url, root, "POST", "/api/v1/models", { name: "digits" });
  await arrivals(before + 1);
  await first.server.close();
  const registry = { ...first.registry, now: () => Date.now() + 120_000 };
  const second = await createRegistryServer(registry, { version: "0.1.0", failed: fail, allowPrivateWebhooks: true });
  await arrivals(before + 2);
  const [one, two] = received.slice(before);
  expect([two!.body, two!.headers["x-casemate-delivery-id"]]).toEqual([
    one!.body,
    one!.headers["x-casemate-delivery-id"],
  ]);
  await second.close();
  await first.registry.close();
  await rm(first.folder, { recursive: true });
});

test("a page that watches ends when its account does", async () => {
  const watcher = await server.account("watcher", "viewer");
  const response = await fetch(`${server.url}/api/v1/events/stream`, {
    headers: { authorization: `Bearer ${watcher}` },
  });
  const chunks = response.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  await chunks.next();
  const { id } = (await ask(server.url, watcher, "GET", "/api/v1/me")).body;
  await ask(server.url, admin, "PATCH", `/api/v1/users/${id}`, { isDisabled: true });
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "not-for-the-watcher" });
  let text = "";
  for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) text += chunk.value;
  expect(text).not.toContain("not-for-the-watcher");
});

test("a page sees what happens to the models that it may read, and takes up where it broke off", async () => {
  const reader = await server.account("reader", "viewer", { model: "seen-*" });
  const stream = async (headers: Record<string, string> = {}) => {
    const controller = new AbortController();
    const response = await fetch(`${server.url}/api/v1/events/stream`, {
      headers: { authorization: `Bearer ${reader}`, ...headers },
      signal: controller.signal,
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const chunks = response.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let text = "";
    const until = async (pattern: RegExp) => {
      while (!pattern.test(text)) text += (await chunks.next()).value ?? "";
      return text;
    };
    return { until, stop: () => controller.abort() };
  };
  const first = await stream();
  await first.until(/connected/);
  for (const name of ["hidden", "seen-a"]) await ask(server.url, admin, "POST", "/api/v1/models", { name });
  const text = await first.until(/models\/seen-a/);
  expect(text).not.toContain("hidden");
  first.stop();
  await ask(server.url, admin, "POST", "/api/v1/models", { name: "seen-b" });
  const [, id] = /id: (\d+)\nevent: model:create\ndata: .*seen-a/.exec(text)!;
  const second = await stream({ "last-event-id": id! });
  expect(await second.until(/models\/seen-b/)).not.toContain("seen-a");
  second.stop();
});
