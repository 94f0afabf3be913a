import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Location, type Migration, openStore, type Store } from "../src/index.ts";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";

interface Tables {
  counters: { name: string; value: number };
}

const statement = "create table counters (name text primary key, value bigint not null)";
const migrations: readonly Migration[] = [
  { name: "0001-counters", sql: { sqlite: [statement], postgres: [statement] } },
];

let server: PostgresServer;
let folder: string;
let store: Store<Tables>;
let location: Location;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(async () => {
  await server.close();
});

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "casemate-store-"));
    location = home === "embedded" ? { folder } : { postgres: await server.createDatabase(), blobs: { folder } };
    store = await openStore<Tables>(location, migrations);
  });

  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  test("concurrent writes come one after the other, and reads see none that is not committed", async () => {
    await store.write((rows) => rows.insertInto("counters").values({ name: "a", value: 0 }).execute());
    const add = () =>
      store.write(async (rows) => {
        const { value } = await rows.selectFrom("counters").selectAll().executeTakeFirstOrThrow();
        await rows
          .updateTable("counters")
          .set({ value: value + 1 })
          .execute();
      });
    await Promise.all(Array.from({ length: 50 }, add));
    await expect(
      store.write(async (rows) => {
        await rows.updateTable("counters").set({ value: -1 }).execute();
        expect(await store.rows.selectFrom("counters").select("value").execute()).toEqual([{ value: 50 }]);
        throw new Error("roll back");
      }),
    ).rejects.toThrow("roll back");
    expect(await store.rows.selectFrom("counters").selectAll().execute()).toEqual([{ name: "a", value: 50 }]);
  });

  test("a migration that was changed after it ran, and tables of a later version, are refused", async () => {
    const changed = [{ ...migrations[0]!, sql: { sqlite: [`${statement} strict`], postgres: [`${statement} `] } }];
    await expect(openStore(location, changed)).rejects.toThrow("migration 0001-counters is not the one that ran");
    await expect(openStore(location, [])).rejects.toThrow(
      "the database has 0001-counters, which this version does not know",
    );
  });

  test("a blob is stored once, read back in part, copied and removed; what it must be is checked", async () => {
    const content = Buffer.from("weights");
    const sha256 = createHash("sha256").update(content).digest("hex");
    const { blobs } = store;
    expect(await blobs.put("development", streamOf(content), { sha256 })).toEqual({ sha256, size: 7 });
    expect(await blobs.put("development", streamOf(content))).toEqual({ sha256, size: 7 });
    expect(
      Buffer.concat(await (await blobs.get("development", sha256, { start: 1, end: 4 })).toArray()).toString(),
    ).toBe("eig");
    await blobs.copy("development", "production", sha256);
    await blobs.remove("development", sha256);
    expect(await blobs.stat("development", sha256)).toBeUndefined();
    expect(await listed(blobs.list("production"))).toEqual([{ sha256, size: 7 }]);
    await expect(blobs.get("development", sha256)).rejects.toThrow(`there is no blob ${sha256}`);
    await expect(blobs.put("production", streamOf(content), { sha256: "0".repeat(64) })).rejects.toThrow(
      "expected content with SHA-256 0000",
    );
  });

  test.each(["../production", "a/b", "", "A", "incoming"])("the prefix %j is refused", async (prefix) => {
    await expect(store.blobs.put(prefix, streamOf(Buffer.from("x")))).rejects.toThrow("prefix: expected");
  });

  test("whole numbers up to 2^53 and sums come back as numbers, in the order of code points", async () => {
    const values = [Number.MAX_SAFE_INTEGER, 0, -1];
    await store.write((rows) =>
      rows
        .insertInto("counters")
        .values(["b", "B", "ä"].map((name, index) => ({ name, value: values[index]! })))
        .execute(),
    );
    expect(await store.rows.selectFrom("counters").selectAll().orderBy("value", "desc").execute()).toEqual([
      { name: "b", value: Number.MAX_SAFE_INTEGER },
      { name: "B", value: 0 },
      { name: "ä", value: -1 },
    ]);
    expect(
      await store.rows
        .selectFrom("counters")
        .select(({ fn }) => fn.max("value").as("most"))
        .executeTakeFirst(),
    ).toEqual({ most: Number.MAX_SAFE_INTEGER });
  });

  test("four processes that start at once migrate once", async () => {
    const next = [
      ...migrations,
      {
        name: "0002-more",
        sql: { sqlite: ["create table more (a bigint)"], postgres: ["create table more (a bigint)"] },
      },
    ];
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore<Tables>(location, next)));
    for (const each of stores) await each.close();
  });
});

test("a PostgreSQL server that is gone is a clear error, and its return needs nothing", async () => {
  const blobs = { folder: await mkdtemp(join(tmpdir(), "casemate-store-")) };
  const gone = await openStore<Tables>({ postgres: await server.createDatabase(), blobs }, migrations);
  const insert = (name: string) =>
    gone.write((rows) => rows.insertInto("counters").values({ name, value: 1 }).execute());
  await insert("before");
  await server.kill();
  await expect(insert("during")).rejects.toMatchObject({ code: "UNREACHABLE" });
  await expect(gone.rows.selectFrom("counters").selectAll().execute()).rejects.toMatchObject({ code: "UNREACHABLE" });
  await server.start();
  await insert("after");
  expect(await gone.rows.selectFrom("counters").select("name").orderBy("name").execute()).toEqual([
    { name: "after" },
    { name: "before" },
  ]);
  await gone.close();
  await rm(blobs.folder, { recursive: true });
});

async function* streamOf(content: Uint8Array): AsyncIterable<Uint8Array> {
  yield content;
}

async function listed<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
