import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "../../../store/test/postgres-server.ts";
import { beginAttempt } from "../../src/identity/attempts.ts";
import { localPrincipal } from "../../src/identity/first-admin.ts";
import { createUser } from "../../src/identity/users.ts";
import { openDeliveries } from "../../src/webhooks/deliver.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let postgres: PostgresServer;
let server: TestServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 600_000);

afterAll(async () => {
  await postgres.close();
});

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeEach(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await postgres.createDatabase(), {
      allowPrivateWebhooks: true,
    });
  }, 60_000);

  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  test("guesses at once are all counted, and what was right is not held against its address", async () => {
    const { registry } = server;
    const frozen = { ...registry, now: () => 1e12 };
    const guess = { tenant: "default", name: "ada", address: "192.0.2.1" };
    const begun = await Promise.allSettled(Array.from({ length: 10 }, () => beginAttempt(frozen, guess)));
    const attempts = begun.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(attempts).toHaveLength(6);
    for (const attempt of attempts) await attempt.forgive();
    const rows = await registry.store.rows.selectFrom("login_failures").select(["key", "count"]).execute();
    expect(rows).toEqual([{ key: "address:192.0.2.1", count: 0 }]);
  });

  test("an account, its session, its token and a request with a key are the same in both homes", async () => {
    const { registry, url } = server;
    const password = "correct horse battery staple";
    const changed = "staple battery horse correct";
    const user = await createUser(registry, localPrincipal(), { name: "Ada", kind: "person", password });
    const change = { name: "ADA", oldPassword: password, newPassword: changed };
    expect((await ask(url, "", "POST", "/api/v1/password", change)).status).toBe(204);
    const opened = await ask(url, "", "POST", "/api/v1/sign-in", { name: "ada", password: changed });
    const session = { cookie: opened.headers.get("set-cookie")!.split(";")[0]!, "x-csrf-token": opened.body.csrf };
    expect((await ask(url, "", "GET", "/api/v1/session", undefined, session)).body.csrf).toBe(opened.body.csrf);
    const { body: made } = await ask(url, "", "POST", "/api/v1/tokens", { name: "ci" }, session);
    expect((await ask(url, made.token, "GET", "/api/v1/me")).body).toMatchObject({ id: user.id, name: "Ada" });
    expect((await ask(url, made.token, "POST", `/api/v1/tokens/${made.id}/rotate`, {})).status).toBe(201);
    const admin = await server.account("root", "admin");
    const create = () => ask(url, admin, "POST", "/api/v1/models", { name: "once" }, { "idempotency-key": "k" });
    const statuses = (await Promise.all(Array.from({ length: 6 }, create))).map(({ status }) => status);
    expect(statuses).toContain(201);
    const { body } = await ask(url, admin, "GET", "/api/v1/events?resource=models%2Fonce");
    expect(body.items).toHaveLength(1);
  });

  test("two servers over one store deliver each event once", async () => {
    const ids: unknown[] = [];
    let arrived: () => void = () => undefined;
    const receiver = createServer((request, response) => {
      ids.push(request.headers["x-casemate-delivery-id"]);
      request.resume().on("end", () => response.writeHead(204).end(arrived));
    });
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const admin = await server.account("root", "admin");
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await ask(server.url, admin, "POST", "/api/v1/webhooks", { name: "once", url, events: ["model:create"] });
    const second = openDeliveries(server.registry, {
      allowPrivate: true,
      failed: (error) => server.failures.push(error),
    });
    const forget = server.registry.log.subscribe(() => second.wake());
    const create = (index: number) => ask(server.url, admin, "POST", "/api/v1/models", { name: `model-${index}` });
    await Promise.all(Array.from({ length: 10 }, (_, index) => create(index)));
    while (ids.length < 10) await new Promise<void>((resolve) => (arrived = resolve));
    forget();
    await second.close();
    await server.server.close();
    expect(new Set(ids).size).toBe(10);
    expect(ids).toHaveLength(10);
    const left = await server.registry.store.rows
      .selectFrom("webhook_deliveries")
      .select("id")
      .where("done_at", "is", null)
      .execute();
    expect(left).toEqual([]);
    receiver.close();
  });
});
