import { scryptSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { beginAttempt, networkOf } from "../../src/identity/attempts.ts";
import { openAuthentication } from "../../src/identity/authenticate.ts";
import { createFirstAdmin, localPrincipal } from "../../src/identity/first-admin.ts";
import { hashPassword, isPassword } from "../../src/identity/passwords.ts";
import { checkPassword } from "../../src/identity/sign-in.ts";
import { createToken, listTokens } from "../../src/identity/tokens.ts";
import { createUser, setDisabled } from "../../src/identity/users.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;
let first: { readonly name: string; readonly password: string };
const password = "correct horse battery staple";

beforeAll(async () => {
  server = await openTestServer();
  first = (await createFirstAdmin(server.registry))!;
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

const basic = (name: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`,
});
const signIn = (name: string, secret: string) =>
  ask(server.url, "", "POST", "/api/v1/sign-in", { name, password: secret });

test("scrypt agrees with RFC 7914's third vector, and is slow to guess", async () => {
  const kept = `scrypt$16384$8$1$${Buffer.from("SodiumChloride").toString("base64")}$${Buffer.from("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2", "hex").toString("base64")}`;
  expect(await isPassword("pleaseletmein", kept)).toBe(true);
  expect(await isPassword("pleaseletmeout", kept)).toBe(false);
  expect(await isPassword("", null)).toBe(false);
  expect(await hashPassword(password, "ada")).toMatch(/^scrypt\$131072\$8\$1\$/);
});

test.each([
  ["short", "expected 12 to 256 characters"],
  ["my-name-is-ada-lovelace", "without the account's name"],
  ["aaaaaaaaaaaaaaaa", "5 different characters"],
])("the password %s is refused", async (weak, message) => {
  await expect(hashPassword(weak, "ada")).rejects.toThrow(message);
});

test("the first password lets itself be changed and nothing else; then nobody gets another one", async () => {
  expect(first.password).toHaveLength(24);
  expect(await createFirstAdmin(server.registry)).toBeUndefined();
  const asAdmin = (path: string, body?: unknown) =>
    ask(server.url, "", body === undefined ? "GET" : "POST", `/api/v1${path}`, body, basic(first.name, first.password));
  expect((await asAdmin("/users")).status).toBe(403);
  for (const [path, body] of [["/me"], ["/tokens"], ["/tokens", { name: "early" }], ["/models"]] as const)
    expect((await asAdmin(path, body)).body, path).toMatchObject({
      status: 403,
      detail: expect.stringContaining("POST /api/v1/password"),
    });
  const opened = await signIn(first.name, first.password);
  expect(opened.body.mustChangePassword).toBe(true);
  const session = { cookie: opened.headers.get("set-cookie")!.split(";")[0]! };
  expect((await ask(server.url, "", "GET", "/api/v1/me", undefined, session)).status).toBe(403);
  const change = (newPassword: string) =>
    ask(server.url, "", "POST", "/api/v1/password", { name: first.name, oldPassword: first.password, newPassword });
  expect((await change(first.password)).status).toBe(400);
  expect((await change("admin")).status).toBe(400);
  expect((await change(password)).status).toBe(204);
  expect((await asAdmin("/users")).status).toBe(401);
  expect((await ask(server.url, "", "GET", "/api/v1/me", undefined, session)).status).toBe(401);
  expect((await ask(server.url, "", "GET", "/api/v1/users", undefined, basic(first.name, password))).status).toBe(200);
});

test("a session is a strict cookie, and what changes something needs its token as well", async () => {
  const { status, headers, body } = await signIn(first.name, password);
  expect(status).toBe(200);
  const cookie = headers.get("set-cookie")!;
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  const session = { cookie: cookie.split(";")[0]! };
  expect((await ask(server.url, "", "GET", "/api/v1/me", undefined, session)).body.name).toBe("admin");
  const create = (extra: Record<string, string>) =>
    ask(server.url, "", "POST", "/api/v1/models", { name: "from-a-page" }, { ...session, ...extra });
  expect((await create({})).status).toBe(403);
  expect((await create({ "x-csrf-token": "0".repeat(43) })).status).toBe(403);
  expect((await create({ "x-csrf-token": body.csrf })).status).toBe(201);
  expect(
    (await ask(server.url, "", "POST", "/api/v1/sign-out", {}, { ...session, "x-csrf-token": body.csrf })).status,
  ).toBe(204);
  expect((await ask(server.url, "", "GET", "/api/v1/me", undefined, session)).status).toBe(401);
});

test("tokens end, are rotated with an overlap, and only their hash is kept", async () => {
  const made = (await ask(server.url, "", "POST", "/api/v1/tokens", { name: "ci" }, basic(first.name, password))).body;
  const rotated = (await ask(server.url, made.token, "POST", `/api/v1/tokens/${made.id}/rotate`, {})).body;
  const works = async (token: string) => (await ask(server.url, token, "GET", "/api/v1/me")).status === 200;
  expect([await works(made.token), await works(rotated.token)]).toEqual([true, true]);
  expect((await ask(server.url, rotated.token, "DELETE", `/api/v1/tokens/${made.id}`)).status).toBe(204);
  expect([await works(made.token), await works(rotated.token)]).toEqual([false, true]);
  const narrow = (
    await ask(server.url, rotated.token, "POST", "/api/v1/tokens", { name: "read", scopes: ["model:read"] })
  ).body;
  expect((await ask(server.url, narrow.token, "POST", "/api/v1/models", { name: "no" })).status).toBe(403);
  const rows = await server.registry.store.rows.selectFrom("tokens").selectAll().execute();
  for (const { token } of [made, rotated, narrow])
    expect(JSON.stringify(rows)).not.toContain(token.split("_").slice(2).join("_"));
});

test("a token with scopes makes, rotates and ends none that is good for more", async () => {
  const as = (token: string) => (method: string, path: string, body?: unknown) =>
    ask(server.url, token, method, `/api/v1${path}`, body);
  const { body: full } = await ask(
    server.url,
    "",
    "POST",
    "/api/v1/tokens",
    { name: "full" },
    basic(first.name, password),
  );
  const { body: narrow } = await as(full.token)("POST", "/tokens", {
    name: "narrow",
    scopes: ["user:manage", "model:read"],
  });
  const { body: me } = await as(full.token)("GET", "/me");
  const narrowly = as(narrow.token);
  expect((await narrowly("POST", "/tokens", { name: "more" })).status).toBe(403);
  expect((await narrowly("POST", `/users/${me.id}/tokens`, { name: "more" })).status).toBe(403);
  expect((await narrowly("POST", "/tokens", { name: "more", scopes: ["model:read", "model:delete"] })).status).toBe(
    403,
  );
  expect((await narrowly("POST", `/tokens/${full.id}/rotate`, {})).status).toBe(403);
  const { body: narrower } = await narrowly("POST", "/tokens", { name: "less", scopes: ["model:read"] });
  expect((await as(narrower.token)("DELETE", `/tokens/${full.id}`)).status).toBe(403);
  expect((await as(narrower.token)("DELETE", `/tokens/${narrower.id}`)).status).toBe(204);
  expect((await as(narrower.token)("GET", "/me")).status).toBe(401);
  expect((await as(full.token)("POST", `/tokens/${narrower.id}/rotate`, {})).body).toMatchObject({ code: "CONFLICT" });
});

test("tokens expire, say when they were used, and end with their account", async () => {
  const { registry } = server;
  const user = await createUser(registry, localPrincipal(), { name: "expiring", kind: "service" });
  const at = registry.now();
  const given = { name: "short", expiresAt: at + 60_000 };
  const { id, token } = await createToken(registry, localPrincipal(), user.id, given);
  const me = { method: "GET", headers: { authorization: `Bearer ${token}` }, address: "127.0.0.1" };
  const later = (milliseconds: number) =>
    openAuthentication(registry)({ ...registry, now: () => at + milliseconds }, me);
  expect(await later(0)).toMatchObject({
    id: user.id,
    kind: "service",
    method: "token",
    credential: id,
    tenant: "default",
  });
  await expect(later(60_000)).rejects.toThrow("not known, or has ended");
  const [row] = await listTokens(registry, "default", user.id);
  expect(row!.last_used_at).toBe(at);
  await setDisabled(registry, localPrincipal(), user.id, true);
  await expect(later(1)).rejects.toThrow("not known, or has ended");
});

test("a session ends when nobody uses it, and at the end of its time all the same", async () => {
  const { registry } = server;
  const opened = await signIn(first.name, password);
  const cookie = opened.headers.get("set-cookie")!.split(";")[0]!;
  const at = registry.now();
  const after = async (minutes: number) => {
    const now = () => at + minutes * 60_000;
    const asked = { method: "GET", headers: { cookie }, address: "127.0.0.1" };
    return (await openAuthentication(registry)({ ...registry, now }, asked))?.name;
  };
  for (let minutes = 0; minutes < 12 * 60; minutes += 50) expect(await after(minutes)).toBe("admin");
  expect(await after(12 * 60)).toBeUndefined();
  const idle = (await signIn(first.name, password)).headers.get("set-cookie")!.split(";")[0]!;
  const asked = { method: "GET", headers: { cookie: idle }, address: "127.0.0.1" };
  const later = { ...registry, now: () => registry.now() + 61 * 60_000 };
  expect(await openAuthentication(registry)(later, asked)).toBeUndefined();
});

test("a page that was loaded anew gets its token again; signing in anew ends the session before", async () => {
  const opened = await signIn(first.name, password);
  const session = { cookie: opened.headers.get("set-cookie")!.split(";")[0]! };
  const asked = () => ask(server.url, "", "GET", "/api/v1/session", undefined, session);
  expect((await asked()).body.csrf).toBe(opened.body.csrf);
  const again = await ask(server.url, "", "POST", "/api/v1/sign-in", { name: first.name, password }, session);
  expect(again.status).toBe(200);
  expect(again.headers.get("set-cookie")).not.toContain(session.cookie);
  expect((await asked()).status).toBe(401);
});

test("a form of another site cannot sign anybody in", async () => {
  const body = JSON.stringify({ name: first.name, password });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const response = await fetch(`${server.url}/api/v1/sign-in`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect([response.status, response.headers.get("set-cookie")], type).toEqual([400, null]);
  }
});

test("who has lost a password gets one for one use; services and people from elsewhere have none", async () => {
  const { registry } = server;
  const { body: token } = await ask(
    server.url,
    "",
    "POST",
    "/api/v1/tokens",
    { name: "ci" },
    basic(first.name, password),
  );
  const person = await createUser(registry, localPrincipal(), { name: "Forgetful", kind: "person", password });
  const service = await createUser(registry, localPrincipal(), { name: "Robot", kind: "service" });
  const reset = (id: string) => ask(server.url, token.token, "POST", `/api/v1/users/${id}/password-reset`, undefined);
  expect((await reset(service.id)).status).toBe(400);
  const { body } = await reset(person.id);
  expect((await signIn("forgetful", password)).status).toBe(401);
  expect((await signIn("FORGETFUL", body.password)).body.mustChangePassword).toBe(true);
  const me = (await ask(server.url, token.token, "GET", "/api/v1/me")).body;
  expect((await reset(me.id)).status).toBe(400);
  expect(
    (await ask(server.url, token.token, "DELETE", `/api/v1/users/${me.id}/grants/${me.grants[0].id}`)).status,
  ).toBe(403);
});

test("a password that was kept with other parameters is kept anew when it is right", async () => {
  const { registry } = server;
  const user = await createUser(registry, localPrincipal(), { name: "early-bird", kind: "person", password });
  const salt = Buffer.from("0123456789abcdef");
  const cheap = `scrypt$1024$8$1$${salt.toString("base64")}$${scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 }).toString("base64")}`;
  const users = registry.store.rows.selectFrom("users").where("id", "=", user.id);
  await registry.store.write((rows) =>
    rows.updateTable("users").set({ password: cheap, must_change_password: 0 }).where("id", "=", user.id).execute(),
  );
  expect((await signIn("early-bird", "another password")).status).toBe(401);
  expect(await users.select("password").executeTakeFirst()).toEqual({ password: cheap });
  expect((await signIn("early-bird", password)).status).toBe(200);
  const { password: kept } = (await users.select("password").executeTakeFirst())!;
  expect(kept).toMatch(/^scrypt\$131072\$8\$1\$/);
  expect(await isPassword(password, kept)).toBe(true);
});

test("names of accounts that read alike are one", async () => {
  await createUser(server.registry, localPrincipal(), { name: "Ren\u00e9", kind: "person" });
  for (const name of ["Rene\u0301", "REN\u00c9", "\uff32en\u00e9"])
    await expect(createUser(server.registry, localPrincipal(), { name, kind: "person" })).rejects.toThrow("already");
  for (const name of ["", "a b", "a/b", "a\r\nb", "a\u202eb", "x".repeat(101)])
    await expect(createUser(server.registry, localPrincipal(), { name, kind: "person" })).rejects.toThrow(
      "name: expected",
    );
  await expect(
    createUser(server.registry, localPrincipal(), { name: "robot", kind: "service", password }),
  ).rejects.toThrow("tokens only");
});

test("a client that sends its password with every request waits for scrypt once, and not at all for a password that was changed", async () => {
  const { registry } = server;
  const user = await createUser(registry, localPrincipal(), { name: "mlflow", kind: "person", password });
  await registry.store.write((rows) =>
    rows.updateTable("users").set({ must_change_password: 0 }).where("id", "=", user.id).execute(),
  );
  const me = (secret: string) => ask(server.url, "", "GET", "/api/v1/me", undefined, basic("MLflow", secret));
  const many = await Promise.all(Array.from({ length: 20 }, () => me(password)));
  expect(many.map(({ status }) => status)).toEqual(Array(20).fill(200)); // more at once than there are free guesses
  const { password: newPassword } = { password: "staple battery horse correct" };
  const changed = { name: "mlflow", oldPassword: password, newPassword };
  expect((await ask(server.url, "", "POST", "/api/v1/password", changed)).status).toBe(204);
  expect([(await me(password)).status, (await me(newPassword)).status]).toEqual([401, 200]);
  await setDisabled(registry, localPrincipal(), user.id, true);
  expect((await me(newPassword)).status).toBe(401);
});

test("failures are logged without what was typed, also where there is no such account", async () => {
  const events = () =>
    server.registry.store.rows
      .selectFrom("events")
      .select(["resource", "entry"])
      .where("action", "=", "session:open")
      .where("entry", "like", '%"outcome":"denied"%')
      .execute();
  const before = (await events()).length;
  await signIn("hunter2-typed-here", "wrong password");
  const [last, ...more] = (await events()).slice(before);
  expect([last!.resource, more]).toEqual(["users/unknown", []]);
  const everything = JSON.stringify([
    await server.registry.store.rows.selectFrom("events").selectAll().execute(),
    await server.registry.store.rows.selectFrom("login_failures").selectAll().execute(),
  ]);
  expect(everything).not.toContain("hunter2-typed-here");
});

test("guessing gets slower, for accounts that are there and for those that are not, also for the right password", async () => {
  const { registry } = server;
  const at = registry.now() + 60_000; // so that the wait lasts, however slow this machine is
  for (const name of ["admin", "nobody"]) {
    const guess = { tenant: "default", name, address: `192.0.2.${name.length}` };
    for (let count = 0; count < 6; count++) await beginAttempt({ ...registry, now: () => at }, guess);
    const { status, body } = await signIn(name, password);
    expect([status, body.code]).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect((await ask(server.url, "", "GET", "/api/v1/me", undefined, basic(name, password))).status).toBe(429);
  }
});

test("many guesses at once count like one after the other", async () => {
  const frozen = { ...server.registry, now: () => 1e12 };
  const guess = { tenant: "default", name: "parallel", address: "192.0.2.77" };
  for (let count = 0; count < 4; count++) await beginAttempt(frozen, guess);
  const guesses = Array.from({ length: 5 }, (_, index) =>
    checkPassword(frozen, { ...guess, password: `wrong ${index}` }),
  );
  const codes = (await Promise.allSettled(guesses)).map((each) => each.status === "rejected" && each.reason.code);
  expect(codes.sort()).toEqual([...Array(3).fill("TOO_MANY_REQUESTS"), ...Array(2).fill("UNAUTHENTICATED")]);
});

test("the wait grows to a quarter of an hour, outlives the process, and is forgotten after a day", async () => {
  const { registry } = server;
  let at = registry.now();
  const guess = { tenant: "default", name: "patient", address: "2001:db8:1:2::7" };
  const begin = () => beginAttempt({ ...registry, now: () => at }, guess); // each time anew: nothing is held in between
  for (let count = 0; count < 6; count++) await begin();
  const waits: number[] = [];
  for (let count = 0; count < 12; count++) {
    const message: string = await begin().then(
      () => "",
      ({ message }) => message,
    );
    waits.push(Number(/again in (\d+) s/.exec(message)?.[1]));
    at += waits.at(-1)! * 1000;
    await begin();
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  at += 24 * 60 * 60 * 1000 + 1;
  const attempt = await begin();
  await attempt.forgive();
  const rows = await registry.store.rows.selectFrom("login_failures").selectAll().execute();
  expect(rows.map(({ key }) => key)).toEqual(["address:2001:db8:1:2::/64"]);
  expect(rows[0]!.count).toBe(0);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:0:0:ffff::1", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("guesses from %s count for %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
