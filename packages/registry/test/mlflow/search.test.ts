import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../store/test/homes.ts";
import { openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow } from "./server-with.ts";

interface Asked {
  readonly kind: "runs" | "experiments" | "models";
  readonly filter: string;
  readonly order_by: readonly string[];
  readonly status: number;
  readonly found?: readonly string[];
  readonly error_code?: string;
}

const { seed, asked }: { seed: readonly [string, object][]; asked: readonly Asked[] } = JSON.parse(
  await readFile(new URL("../vectors/mlflow-searches.json", import.meta.url), "utf8"),
);

/** Where this registry answers something else than MLflow's server, and why. */
const differs: Readonly<Record<string, Partial<Asked>>> = {
  // NaN is no number, and so neither less than nor different from one
  "metrics.loss < 0.6": { found: ["Alpha2", "alpha"] },
  'metrics."loss" != 0.5': { found: ["gamma_1", "beta", "Alpha2"] },
  // what is not said is not guessed
  "metrics.loss < 1 and": { status: 400 },
  // lists are taken for all words, not for ids alone
  "status IN ('FAILED', 'KILLED')": { status: 200, found: ["delta", "beta"] },
};

let server: TestServer;
let token: string;
const ids = new Map<string, string>();
const fill = (text: string) => text.replaceAll(/@\w+/g, (name) => ids.get(name) ?? name);

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    ids.clear();
    token = await accountWith(server, "mia", ["contributor"]);
    for (const [path, given] of seed) {
      const body = JSON.parse(fill(JSON.stringify(given)));
      const answer = await mlflow(server, token, "POST", path, body);
      expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBe(200);
      if (path === "experiments/create") ids.set("@experiment", ids.get("@experiment") ?? answer.body.experiment_id);
      if (path === "runs/create") ids.set(`@${body.run_name}`, answer.body.run.info.run_id);
    }
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  test.each(asked.map((each) => ({ ...each, ...differs[each.filter] })))(
    "finds $kind by « $filter » in order of $order_by as MLflow's server does",
    async ({ kind, filter: given, order_by, status, found }) => {
      const filter = fill(given.replaceAll(/@\w+/g, (name) => `'${name}'`));
      const answer = await ask(kind, { filter, order_by, max_results: 100 });
      expect(answer.status, JSON.stringify(answer.body)).toBe(status === 500 ? 400 : status);
      if (answer.status === 200) expect(namesIn(kind, answer.body)).toEqual(found);
      else expect(answer.body).toEqual({ error_code: "INVALID_PARAMETER_VALUE", message: expect.stringMatching(/\w/) });
    },
  );

  test("pages through a list by tokens that nobody can make up", async () => {
    const names: string[] = [];
    let page_token = "";
    do {
      const { body } = await ask("runs", { filter: "", order_by: ["run_name"], max_results: 4, page_token });
      names.push(...namesIn("runs", body));
      page_token = body.next_page_token ?? "";
    } while (page_token !== "");
    expect(names).toEqual(["Alpha2", "alpha", "beta", "delta", "epsilon", "gamma_1"]);
    for (const forged of ["x", "e30=", Buffer.from('{"offset":-1}').toString("base64"), "%00", "bnVsbA=="]) {
      const { status, body } = await ask("runs", { filter: "", page_token: forged });
      expect([status, body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    }
  });

  async function ask(kind: Asked["kind"], parameters: Readonly<Record<string, unknown>>) {
    if (kind === "runs")
      return await mlflow(server, token, "POST", "runs/search", {
        ...parameters,
        experiment_ids: [ids.get("@experiment")],
      });
    if (kind === "experiments") return await mlflow(server, token, "POST", "experiments/search", parameters);
    return await mlflow(server, token, "GET", "registered-models/search", parameters);
  }

  function namesIn(
    kind: Asked["kind"],
    body: Record<string, { name: string; info: { run_name: string } }[]>,
  ): readonly string[] {
    if (kind === "runs") return (body.runs ?? []).map(({ info }) => info.run_name);
    return (body[kind === "models" ? "registered_models" : "experiments"] ?? []).map(({ name }) => name);
  }
});
