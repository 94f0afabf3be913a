import { afterAll, beforeAll, expect, test } from "vitest";
import { createFirstAdmin } from "../../src/identity/first-admin.ts";
import { hashPassword, isPassword } from "../../src/identity/passwords.ts";
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
  const token = (await asAdmin("/tokens", { name: "early" })).body.token;
  expect((await ask(server.url, token, "GET", "/api/v1/users")).status).toBe(403);
  const change = (newPassword: string) =>
    ask(server.url, "", "POST", "/api/v1/password", { name: first.name, oldPassword: first.password, newPassword });
  expect((await change(first.password)).status).toBe(400);
  expect((await change("admin")).status).toBe(400);
  expect((await change(password)).status).toBe(204);
  expect((await asAdmin("/users")).status).toBe(401);
  expect((await ask(server.url, token, "GET", "/api/v1/users")).status).toBe(200);
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
  expect((await ask(server.url, narrow.token, "POST", "/api/v1/tokens", { name: "more" })).status).toBe(403);
  const rows = await server.registry.store.rows.selectFrom("tokens").selectAll().execute();
  for (const { token } of [made, rotated, narrow])
    expect(JSON.stringify(rows)).not.toContain(token.split("_").slice(2).join("_"));
});

test("guessing gets slower, for accounts that are there and for those that are not", async () => {
  for (const name of ["admin", "nobody"]) {
    const statuses: number[] = [];
    for (let guess = 0; guess < 7; guess++) statuses.push((await signIn(name, `wrong password ${guess}`)).status);
    statuses.push((await signIn(name, password)).status); // even the right one has to wait
    expect(statuses, name).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
  }
});
