import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Location, openStore, type Store } from "../src/index.ts";
import { migrations, type Tables } from "./counters.ts";
import { homes, newLocation } from "./homes.ts";

let folder: string;
let store: Store<Tables>;
let location: Location;

describe.each(homes)("%s", (home) => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "casemate-store-"));
    location = await newLocation(home, folder);
    store = await openStore<Tables>(location, migrations);
  });

  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const addTo = (to: Store<Tables>) =>
    to.write(async (rows) => {
      const { value } = await rows.selectFrom("counters").selectAll().where("name", "=", "a").executeTakeFirstOrThrow();
      await setImmediate(); // other writers come in between
      await rows
        .updateTable("counters")
        .set({ value: value + 1 })
        .where("name", "=", "a")
        .execute();
      await rows
        .insertInto("counters")
        .values({ name: `b${value + 1}`, value: value + 1 })
        .execute();
    });
  const begin = () =>
    store.write(async (rows) => {
      await rows.insertInto("counters").values({ name: "a", value: 0 }).execute();
    });
  const read = () => store.rows.selectFrom("counters").selectAll().orderBy("value").orderBy("name").execute();

  test("fifty concurrent writers, of two stores in one process, come one after the other and lose nothing", async () => {
    await begin();
    const other = await openStore<Tables>(location, migrations);
    await Promise.all(Array.from({ length: 50 }, (_, index) => addTo(index % 2 === 0 ? store : other)));
    await other.close();
    const inserted = Array.from({ length: 50 }, (_, index) => ({ name: `b${index + 1}`, value: index + 1 }));
    expect(await read()).toEqual([...inserted.slice(0, 49), { name: "a", value: 50 }, inserted[49]]);
  });

  test("four processes that start at once migrate once and lose nothing", async () => {
    const place = await newLocation(home, join(folder, "processes"));
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [join(import.meta.dirname, "write-forever.mjs"), JSON.stringify(place), "10"], {
        stdio: ["ignore", "ignore", "inherit"],
      }),
    );
    expect((await Promise.all(children.map((child) => once(child, "exit")))).map(([code]) => code)).toEqual([
      0, 0, 0, 0,
    ]);
    const shared = await openReading(place);
    expect(await shared.rows.selectFrom("counters").selectAll().where("name", "=", "a").execute()).toEqual([
      { name: "a", value: 40 },
    ]);
    await shared.close();
  });

  test("reads see nothing that is not committed, nor what is rolled back, and do not wait", async () => {
    await begin();
    await expect(
      store.write(async (rows) => {
        await rows.updateTable("counters").set({ value: -1 }).execute();
        expect(await read()).toEqual([{ name: "a", value: 0 }]);
        throw new Error("roll back");
      }),
    ).rejects.toThrow("roll back");
    expect(await read()).toEqual([{ name: "a", value: 0 }]);
  });

  test("a snapshot sees one moment while others write", async () => {
    await begin();
    await store.snapshot(async (rows) => {
      expect(await rows.selectFrom("counters").select("value").execute()).toEqual([{ value: 0 }]);
      await addTo(store);
      expect(await rows.selectFrom("counters").select("value").execute()).toEqual([{ value: 0 }]);
    });
    expect((await read()).length).toBe(2);
  });

  test("reads within as many writes as there are do not wait for those writes", async () => {
    await begin();
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        store.write(async (rows) => {
          await store.rows.selectFrom("counters").selectAll().execute();
          await rows
            .insertInto("counters")
            .values({ name: `c${index}`, value: index })
            .execute();
        }),
      ),
    );
    expect((await read()).length).toBe(31);
  });

  test("what is for reads does not write", async () => {
    await expect(store.rows.insertInto("counters").values({ name: "a", value: 0 }).execute()).rejects.toThrow(
      /readonly|read-only/,
    );
  });

  test("whole numbers up to 2^53 and sums come back as numbers, in the order of code points", async () => {
    const values = [Number.MAX_SAFE_INTEGER, 0, -1];
    await store.write(async (rows) => {
      await rows
        .insertInto("counters")
        .values(["b", "B", "ä"].map((name, index) => ({ name, value: values[index]! })))
        .execute();
    });
    expect(await store.rows.selectFrom("counters").selectAll().orderBy("name").execute()).toEqual([
      { name: "B", value: 0 },
      { name: "b", value: Number.MAX_SAFE_INTEGER },
      { name: "ä", value: -1 },
    ]);
    const { fn } = store.rows;
    expect(
      await store.rows
        .selectFrom("counters")
        .select([
          fn.max("value").as("most"),
          fn.sum<number>("value").as("sum"),
          fn.countAll<number>().as("count"),
          sql<number>`avg(value)`.as("mean"),
        ])
        .where("value", "<=", 0)
        .executeTakeFirst(),
    ).toEqual({ most: 0, sum: -1, count: 2, mean: -0.5 });
  });

  test("bytes, fractions, truth, nothing and text that looks like JSON come back as they were", async () => {
    const [bytes, json] = home === "embedded" ? ["blob", "text"] : ["bytea", "jsonb"];
    const statement = `create table things (bytes ${bytes}, fraction double precision, empty text, document ${json}, text text)`;
    const things = { name: "0002-things", sql: { sqlite: [statement], postgres: [statement] } };
    const row = { bytes: Buffer.from([0, 255]), fraction: 0.1, empty: null, document: '{"a": 1}', text: "'\u0001€\n" };
    const other = await openStore<{ things: typeof row }>(location, [...migrations, things]);
    await other.write(async (rows) => {
      await rows.insertInto("things").values(row).execute();
    });
    expect(await other.rows.selectFrom("things").selectAll().executeTakeFirst()).toEqual(row);
    await other.close();
  });
});

test("on PostgreSQL, all of 300 writes to one row by three stores succeed, however often they lose to each other", async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-store-"));
  const place = await newLocation("postgres", folder);
  const stores = await Promise.all([1, 2, 3].map(() => openStore<Tables>(place, migrations)));
  await stores[0]!.write(async (rows) => {
    await rows.insertInto("counters").values({ name: "a", value: 0 }).execute();
  });
  const add = (index: number) =>
    stores[index % 3]!.write(async (rows) => {
      const { value } = await rows.selectFrom("counters").selectAll().executeTakeFirstOrThrow();
      await rows
        .updateTable("counters")
        .set({ value: value + 1 })
        .execute();
    });
  await Promise.all(Array.from({ length: 300 }, (_, index) => add(index)));
  expect(await stores[0]!.rows.selectFrom("counters").select("value").execute()).toEqual([{ value: 300 }]);
  for (const store of stores) await store.close();
  await rm(folder, { recursive: true });
});

test("times of PostgreSQL are whole milliseconds, in whatever zone the server is", async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-store-"));
  const opened = await openStore(await newLocation("postgres", folder), []);
  const times = await opened.write(async (rows) => {
    await sql`set local timezone to 'Asia/Kathmandu'`.execute(rows);
    return await sql`select timestamp '1970-01-02 00:00:00.5' as a, timestamptz '1970-01-02 00:00:00.5+00' as b`.execute(
      rows,
    );
  });
  expect(times.rows).toEqual([{ a: 86_400_500, b: 86_400_500 }]);
  await opened.close();
  await rm(folder, { recursive: true });
});

/** Opens what children have made, by their migration. */
async function openReading(place: Location): Promise<Store<Tables>> {
  const begin = "insert into counters (name, value) values ('a', 0)";
  return await openStore<Tables>(
    place,
    migrations.map(({ name, sql: { sqlite, postgres } }) => ({
      name,
      sql: { sqlite: [...sqlite, begin], postgres: [...postgres, begin] },
    })),
  );
}
