import { expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { openTestServer } from "./open-server.ts";
import { letWritersLoose } from "./writers.ts";

test.each(["embedded", "postgres"])(
  "20 writers for two seconds, %s: no version twice, none lost, aliases are registers",
  async (home) => {
    const server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    try {
      const token = await server.account("writer", "contributor");
      const outcome = await letWritersLoose(server, token, { writers: 20, seconds: 2, seed: 1 });
      expect(outcome).toMatchObject({ duplicates: [], lost: [], violations: [], refusals: [] });
      expect(outcome.operations).toBeGreaterThan(20);
      await server.registry.log.settled();
      const { count } = await server.registry.store.rows
        .selectFrom("events")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      expect(server.registry.log.entries.size).toBe(Number(count));
    } finally {
      await server.close();
    }
    expect(server.failures).toEqual([]);
  },
);
