import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "../../../store/test/postgres-server.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow } from "./server-with.ts";

interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly type?: string;
  readonly body?: unknown;
  readonly status: number;
  readonly answer: unknown;
}

let server: TestServer;
let mia: string;
let reviewer: string;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(async () => {
  await postgres.close();
});

describe.each([
  ["3.6", "embedded"],
  ["3.6", "postgres"],
  ["2.19", "embedded"],
] as const)("what MLflow's Python client %s sends (%s)", (client, home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await postgres.createDatabase());
    mia = await accountWith(server, "mia", ["contributor", "releaser", "admin"]);
    reviewer = await accountWith(server, "rev", ["reviewer"]);
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  /** What of an answer is of its own time and place. */
  const OWN = /(timestamp|_time|timestamp_ms|file_size|^message$|^user_id$)$/;

  test("is answered as by MLflow's own server, but for what docs/mlflow.md says", async () => {
    const { exchanges }: { exchanges: readonly Exchange[] } = JSON.parse(
      await readFile(new URL(`../vectors/mlflow-${client}-trace.json`, import.meta.url), "utf8"),
    );
    const bound = new Map<string, string>();
    const fill = (text: string) => text.replaceAll(/<(?:run|model) \d+>/g, (name) => bound.get(name) ?? name);

    function compare(expected: unknown, got: unknown, where: string): void {
      if (typeof expected === "string" && typeof got === "string" && /^[[{]/.test(expected)) {
        compare(JSON.parse(expected), JSON.parse(got), where);
      } else if (typeof expected === "string" && typeof got === "string") {
        const names = [...expected.matchAll(/<(?:run|model) \d+>/g)].map(([name]) => name);
        const pattern = expected
          .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replaceAll(/<(?:run|model) \d+>/g, "((?:m-)?[0-9a-f]{32})");
        const match = new RegExp(`^${pattern}$`, "s").exec(got);
        expect(match, `${where}: expected ${expected}, got ${got}`).not.toBeNull();
        for (const [index, name] of names.entries()) {
          expect(bound.get(name) ?? match![index + 1], where).toBe(match![index + 1]);
          bound.set(name, match![index + 1]!);
        }
      } else if (Array.isArray(expected)) {
        const others = (got as { alias?: string }[]).filter(
          (each) => each.alias !== "staging" && (each as unknown) !== "staging",
        );
        expect(others.length, `${where}: ${JSON.stringify(got)}`).toBe(expected.length);
        const [before, after] = [sorted(expected), sorted(others)];
        for (const [index, each] of before.entries()) compare(each, after[index], `${where}[${index}]`);
      } else if (typeof expected === "object" && expected !== null) {
        for (const [key, value] of Object.entries(expected)) {
          const other = (got as Record<string, unknown>)[key];
          if (OWN.test(key)) expect(typeof other, `${where}.${key}`).toBe(typeof value);
          else compare(value, other, `${where}.${key}`);
        }
      } else expect(got, where).toEqual(expected);
    }

    // as many experiments as MLflow's server had when this was recorded
    for (const name of ["a", "b", "c"]) await mlflow(server, mia, "POST", "experiments/create", { name });
    for (const { method, url: recorded, type, body, status: expected, answer } of exchanges) {
      const url = fill(recorded);
      const where = `${method} ${recorded}`;
      const sent =
        body === undefined
          ? undefined
          : typeof body === "string"
            ? Buffer.from(fill(body))
            : JSON.parse(fill(JSON.stringify(body)));
      const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
      let got = await ask(server.url, mia, method, url, sent, headers);
      await server.server.admissions.settled();
      if (url.endsWith("/transition-stage")) {
        // a stage that is an environment takes a promotion, which somebody else approves
        expect([got.status, got.body.error_code]).toEqual([403, "PERMISSION_DENIED"]);
        await approve(/p-[\w-]+/.exec(got.body.message)![0]);
        got = await ask(server.url, mia, method, url, sent, headers);
      }
      if (url.endsWith("/model-versions/create") && got.body.model_version.status === "PENDING_REGISTRATION")
        got.body.model_version.status = "READY"; // it is, by the time that a client asks
      if (url.includes("/get-download-uri")) {
        expect(got.body.artifact_uri).toMatch(/^mlflow-artifacts:\/versions\/\w+\/1$/); // files that never change
        continue;
      }
      expect(got.status, `${where}: ${JSON.stringify(got.body)}`).toBe(expected === 500 ? 404 : expected);
      if (expected < 500) compare(answer, got.body, where);
    }
  });

  async function approve(id: string): Promise<void> {
    const { body } = await ask(server.url, reviewer, "GET", `/api/v1/promotions/${id}`);
    const vote = { verdict: "approve", rootDigest: body.rootDigest };
    expect((await ask(server.url, reviewer, "POST", `/api/v1/promotions/${id}/approvals`, vote)).status).toBe(201);
  }

  function sorted(items: readonly unknown[]): readonly unknown[] {
    const nameOf = (item: unknown) => {
      const { key, path, name, info } = item as {
        key?: string;
        path?: string;
        name?: string;
        info?: { run_name?: string };
      };
      return key ?? path ?? name ?? info?.run_name ?? "";
    };
    return [...items].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
  }
});
