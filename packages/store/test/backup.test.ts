import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lineOf, linesIn, rowOf } from "../src/backup/row-lines.ts";
import { backUpStore, type Migration, openStore, restoreStore, type Store } from "../src/index.ts";
import { allOf, contentOf, streamOf } from "./content.ts";
import { createDatabase, type Home, homes, newLocation } from "./homes.ts";
import { startS3 } from "./s3-server.ts";

interface Tables {
  things: { id: number; text: string | null; value: number; bytes: Buffer };
  others: { id: number };
}

const tables = (bytes: string) => [
  `create table things (id bigint primary key, text text, value double precision not null, bytes ${bytes} not null)`,
  "create table others (id bigint primary key)",
];
const migrations: readonly Migration[] = [
  { name: "0001-things", sql: { sqlite: tables("blob"), postgres: tables("bytea") } },
];

let folder: string;
let places = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-backup-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = async (home: Home) =>
  await openStore<Tables>(await newLocation(home, join(folder, `store-${places++}`)), migrations);

const rows = Array.from({ length: 1203 }, (_, id) => ({
  id,
  text: id === 7 ? null : `{"quoted"} 'and' \u2028\u2029\u0085\r\n€ ${"x".repeat(id)}`,
  value: [0.1, 1e308, Number.POSITIVE_INFINITY, -1][id % 4]!,
  bytes: Buffer.from([id % 256, 0, 255]),
}));

async function fill(store: Store<Tables>): Promise<string> {
  await store.write(async (transaction) => {
    for (const row of rows) await transaction.insertInto("things").values(row).execute();
  });
  return (await store.blobs.put("test", streamOf(Buffer.from("weights")))).sha256;
}

describe.each(homes)("from %s", (home) => {
  test.each(homes)("to %s, everything comes back as it was, but what came later", async (other) => {
    const store = await open(home);
    const sha256 = await fill(store);
    const backup = join(folder, "backup");
    const made = await backUpStore(store as unknown as Store<unknown>, backup);
    expect(made.tables.map(({ name, rows }) => [name, rows]).sort()).toEqual([
      ["others", 0],
      ["things", rows.length],
    ]);
    await store.write(async (transaction) => {
      await transaction.insertInto("others").values({ id: 1 }).execute();
    });
    await expect(backUpStore(store as unknown as Store<unknown>, backup)).rejects.toMatchObject({ code: "IN_USE" });
    await expect(restoreStore(store as unknown as Store<unknown>, backup)).rejects.toMatchObject({ code: "IN_USE" });
    await store.close();

    const restored = await open(other);
    await restoreStore(restored as unknown as Store<unknown>, backup);
    expect(await restored.rows.selectFrom("things").selectAll().orderBy("id").execute()).toEqual(rows);
    expect(await restored.rows.selectFrom("others").selectAll().execute()).toEqual([]);
    expect((await contentOf(await restored.blobs.get("test", sha256))).toString()).toBe("weights");
    await restored.close();
  });
});

test("to PostgreSQL with a bucket and back", async () => {
  const server = await startS3();
  const first = await open("embedded");
  const sha256 = await fill(first);
  await backUpStore(first as unknown as Store<unknown>, join(folder, "first"));
  await first.close();
  const second = await openStore<Tables>(
    { postgres: await createDatabase(), blobs: { s3: { ...server.location, folder: "backup" } } },
    migrations,
  );
  await restoreStore(second as unknown as Store<unknown>, join(folder, "first"));
  const { blobs } = await backUpStore(second as unknown as Store<unknown>, join(folder, "second"));
  expect(blobs).toEqual([{ prefix: "test", sha256, size: 7 }]);
  await second.close();
  await server.close();
});

describe("a backup that is not what it was", () => {
  let store: Store<Tables>;
  let backup: string;
  let sha256: string;

  beforeEach(async () => {
    store = await open("embedded");
    sha256 = await fill(store);
    backup = join(folder, "backup");
    await backUpStore(store as unknown as Store<unknown>, backup);
    await store.close();
    store = await open("embedded");
  });

  afterEach(async () => {
    expect(await store.rows.selectFrom("things").selectAll().execute()).toEqual([]);
    await store.close();
  });

  const restore = () => restoreStore(store as unknown as Store<unknown>, backup);
  const change = async (changes: object) => {
    const path = join(backup, "backup.json");
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
  };

  test("is refused: a row more, a row less, no rows at all", async () => {
    const path = join(backup, "rows", "things.jsonl");
    await appendFile(path, "{}\n");
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    await rm(path);
    await expect(restore()).rejects.toThrow("the rows of things are not the ones that were backed up");
  });

  test("is refused: a blob that is another, or gone", async () => {
    const path = join(backup, "blobs", "test", sha256);
    await writeFile(path, "weightz");
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    await rm(path);
    await expect(restore()).rejects.toThrow(`the blob ${sha256} under test is not there or not whole`);
  });

  test.each([
    [{ tables: [{ name: "../things", rows: 0, sha256: "0".repeat(64) }] }, "CORRUPT"],
    [{ tables: [{ name: "strangers", rows: 0, sha256: "0".repeat(64) }] }, "CORRUPT"],
    [{ tables: [{ name: "migrations", rows: 0, sha256: "0".repeat(64) }] }, "CORRUPT"],
    [{ blobs: [{ prefix: "../..", sha256: "0".repeat(64), size: 0 }] }, "CORRUPT"],
    [{ blobs: [{ prefix: "test", sha256: "../../../etc/passwd", size: 0 }] }, "CORRUPT"],
    [{ schema: "casemate-store-backup/2" }, "CORRUPT"],
    [{ more: 1 }, "CORRUPT"],
    [{ migrations: { "0001-things": "0".repeat(64), "0002-later": "0".repeat(64) } }, "NEWER_SCHEMA"],
  ])("is refused: %j", async (changes, code) => {
    await change(changes);
    await expect(restore()).rejects.toMatchObject({ code });
  });

  test("is refused: without its backup.json, or with half of it", async () => {
    const path = join(backup, "backup.json");
    await writeFile(path, (await readFile(path, "utf8")).slice(0, 100));
    await expect(restore()).rejects.toMatchObject({ code: "CORRUPT" });
    await rm(path);
    await expect(restore()).rejects.toThrow("expected a whole backup, with its backup.json");
  });
});

const runs = { numRuns: Number(process.env.CASEMATE_FUZZ_CASES ?? 2000) };
const value = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double().map((number) => number + 0), // no column keeps the sign of zero
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);

test("any row is one line, and comes back from it", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value, { noNullPrototype: true }), (row) => {
      const line = lineOf(row);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(rowOf(line)).toEqual(row);
    }),
    runs,
  );
});

test("any line is a row or a SyntaxError", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc.jsonValue().map((each) => JSON.stringify({ a: each })),
      ),
      (line) => {
        try {
          expect(typeof rowOf(line)).toBe("object");
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      },
    ),
    runs,
  );
});

test("lines are parted by line feeds alone, wherever the file is cut while it is read", async () => {
  const lines = ["a\u2028b", "\r", "", `€${"x".repeat(200_000)}`, "last"];
  const path = join(folder, "lines");
  await writeFile(path, lines.join("\n"));
  expect(await allOf(linesIn(path))).toEqual(lines);
});
