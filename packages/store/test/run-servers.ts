import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Answers every request with the URL of a new, empty PostgreSQL database. */
    databases: string;
  }
}

/** One PostgreSQL server for a whole run of tests, started when the first test asks for a database. */
export default async function runServers(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | undefined;
  const desk = createServer(async (_request, response) => {
    try {
      starting ??= startPostgres();
      response.end(await (await starting).createDatabase());
    } catch (error) {
      response.statusCode = 500;
      response.end(error instanceof Error ? error.message : String(error));
    }
  });
  desk.listen(0, "127.0.0.1");
  await once(desk, "listening");
  project.provide("databases", `http://127.0.0.1:${(desk.address() as AddressInfo).port}`);
  return async () => {
    desk.closeAllConnections();
    desk.close();
    await (await starting?.catch(() => undefined))?.close();
  };
}
