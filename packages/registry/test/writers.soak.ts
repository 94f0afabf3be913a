import { afterAll, beforeAll, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "../../store/test/postgres-server.ts";
import { openTestServer } from "./open-server.ts";
import { letWritersLoose } from "./writers.ts";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await postgres.close();
});

test.each(["embedded", "postgres"])("200 writers for a minute, %s", async (home) => {
  const server = await openTestServer(home === "embedded" ? undefined : await postgres.createDatabase());
  try {
    const token = await server.account("writer", "contributor");
    const outcome = await letWritersLoose(server, token, { writers: 200, seconds: 60, seed: 7 });
    console.log(home, outcome.acknowledged, "versions,", outcome.operations, "alias operations");
    expect(outcome).toMatchObject({ duplicates: [], lost: [], violations: [], refusals: [] });
  } finally {
    await server.close();
  }
  expect(server.failures).toEqual([]);
});
