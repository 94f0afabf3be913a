import { expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { openTestServer } from "./open-server.ts";
import { letWritersLoose } from "./writers.ts";

test.each(["embedded", "postgres"])("200 writers for a minute, %s", async (home) => {
  const server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
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
