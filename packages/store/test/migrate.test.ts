import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Location, type Migration, openStore } from "../src/index.ts";
import { migrations } from "./counters.ts";
import { homes, newLocation } from "./homes.ts";

let folder: string;
let location: Location;

const step = (name: string, ...statements: string[]): Migration => ({
  name,
  sql: { sqlite: statements, postgres: statements },
});

describe.each(homes)("%s", (home) => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "casemate-store-"));
    location = await newLocation(home, folder);
    await (await openStore(location, migrations)).close();
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test("migrations that were changed after they ran are refused, all of them by name", async () => {
    const more = [...migrations, step("0002-more", "create table more (a bigint)")];
    await (await openStore(location, more)).close();
    const changed = more.map(({ name }) => step(name, "create table other (a bigint)"));
    await expect(openStore(location, changed)).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringMatching(/0001-counters \(.*\), 0002-more \(.*\)/),
    });
  });

  test("tables of a later version are refused, by the names of what this one does not know", async () => {
    await expect(openStore(location, [])).rejects.toMatchObject({
      code: "NEWER_SCHEMA",
      message: expect.stringContaining("the database has 0001-counters, which this version does not know"),
    });
  });

  test("a migration that fails leaves nothing of itself, nor of those before it, and can be put right", async () => {
    const good = step("0002-good", "create table good (a bigint)");
    const bad = step("0003-bad", "create table half (a bigint)", "create table half (a bigint)");
    await expect(openStore(location, [...migrations, good, bad])).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("migration 0003-bad: "),
    });
    const right = step("0003-bad", "create table half (a bigint)", "create table good (a bigint)");
    await (await openStore(location, [...migrations, right])).close();
  });

  test("steps run in the order of their names", async () => {
    const steps = [step("0003-c", "alter table b add column c bigint"), step("0002-b", "create table b (b bigint)")];
    const store = await openStore<{ b: { b: number; c: number } }>(location, [...steps, ...migrations]);
    expect(await store.rows.selectFrom("b").select("c").execute()).toEqual([]);
    await store.close();
  });
});
