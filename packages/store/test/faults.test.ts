import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Location, openStore, verifyBlob } from "../src/index.ts";
import { migrations, type Tables } from "./counters.ts";
import { newLocation } from "./homes.ts";
import { startPostgres } from "./postgres-server.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-faults-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ["embedded", 10],
  ["postgres", 3],
] as const)(
  "%s: killed %i times while it writes, all that was acknowledged is there, and whole",
  async (home, times) => {
    const location = await newLocation(home, folder);
    const acknowledged: string[] = [];
    for (let time = 0; time < times; time++)
      acknowledged.push(...(await writeUntilKilled(location, 2 + (time % 4) * 3)));
    const store = await openStore<Tables>(location, [
      {
        name: "0001-counters",
        sql: { sqlite: [...migrations[0]!.sql.sqlite, begin], postgres: [...migrations[0]!.sql.postgres, begin] },
      },
    ]);
    const rows = await store.rows.selectFrom("counters").selectAll().orderBy("value").orderBy("name").execute();
    const counter = rows.find(({ name }) => name === "a")!.value;
    // each addition is whole: the counter and the row that tells of it
    expect(rows.filter(({ name }) => name !== "a").map(({ name }) => name)).toEqual(
      Array.from({ length: counter }, (_, index) => `b${index + 1}`),
    );
    expect(acknowledged.length).toBeGreaterThanOrEqual(times * 2);
    for (const line of acknowledged) {
      const [value, sha256] = line.split(" ");
      expect(Number(value)).toBeLessThanOrEqual(counter);
      await verifyBlob(store.blobs, "test", sha256!);
    }
    if (home === "embedded")
      expect((await sql`pragma integrity_check`.execute(store.rows)).rows).toEqual([{ integrity_check: "ok" }]);
    await store.close();
  },
);

const begin = "insert into counters (name, value) values ('a', 0)";

/** Lets a process write until it has acknowledged so many, kills it, and gives all that it acknowledged. */
async function writeUntilKilled(location: Location, count: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "write-forever.mjs"), JSON.stringify(location)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === count) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return lines;
}

const mount = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"';
const unshare = ["--map-root-user", "--mount", "bash", "-c"];
const mayMount = spawnSync("unshare", [...unshare, mount, "/mnt", "true"]).status === 0;

test(`a disk that is full, ${mayMount ? "a real one" : "by a limit on files"}, is a clear error; nothing is lost or half there, and room is enough to go on`, async () => {
  const disk = join(folder, "disk");
  await mkdir(disk);
  const program = [process.execPath, join(import.meta.dirname, "fill-disk.mjs"), disk];
  const [command, ...line] = mayMount
    ? ["unshare", ...unshare, mount, disk, ...program]
    : ["bash", "-c", `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`, ...program];
  const { stdout, stderr, status } = spawnSync(command!, line, { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { rows, after, more, ...others } = JSON.parse(stdout);
  expect(others).toEqual({ isAllKept: true, blob: "FULL", incoming: [], listed: [] });
  // SQLite calls a file that must not grow an input/output error
  expect([rows, after, more]).toEqual(mayMount ? ["FULL", "done", 1] : ["UNREACHABLE", "UNREACHABLE", 0]);
});

test("a file that is no database is told of, and left as it is", async () => {
  const path = join(folder, "casemate.db");
  await writeFile(path, "weights ".repeat(1000));
  await expect(openStore({ folder }, migrations)).rejects.toMatchObject({ code: "CORRUPT" });
  expect(await readFile(path, "utf8")).toBe("weights ".repeat(1000));
});

test("a folder that cannot be one is told of", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(openStore({ folder: join(folder, "file") }, migrations)).rejects.toMatchObject({ code: "UNREACHABLE" });
});

test("a PostgreSQL server that is gone is a clear error, and its return needs nothing", async () => {
  const server = await startPostgres();
  const gone = await openStore<Tables>(
    { postgres: await server.createDatabase(), blobs: { folder: join(folder, "blobs") } },
    migrations,
  );
  const insert = (name: string) =>
    gone.write((rows) => rows.insertInto("counters").values({ name, value: 1 }).execute());
  await insert("before");
  await expect(
    gone.write(async (rows) => {
      await rows.insertInto("counters").values({ name: "within", value: 1 }).execute();
      await server.kill();
      await rows.insertInto("counters").values({ name: "later", value: 1 }).execute();
    }),
  ).rejects.toMatchObject({ code: "UNREACHABLE" });
  await expect(insert("during")).rejects.toMatchObject({ code: "UNREACHABLE" });
  await expect(gone.rows.selectFrom("counters").selectAll().execute()).rejects.toMatchObject({ code: "UNREACHABLE" });
  await server.start();
  await insert("after");
  expect(await gone.rows.selectFrom("counters").select("name").orderBy("name").execute()).toEqual([
    { name: "after" },
    { name: "before" },
  ]);
  await gone.close();
  await server.close();
});
