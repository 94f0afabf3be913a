import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../store/test/homes.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";
import { accountWith, mlflow, put } from "./server-with.ts";

let server: TestServer;
let token: string;

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    token = await accountWith(server, "mia", ["contributor", "admin"]);
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const post = (path: string, body: object) => mlflow(server, token, "POST", path, body as Record<string, unknown>);
  const get = (path: string, query: object) => mlflow(server, token, "GET", path, query as Record<string, unknown>);

  async function newRun(): Promise<string> {
    return (await post("runs/create", {})).body.run.info.run_id;
  }

  test("runs that name no experiment are in the default one", async () => {
    const { body } = await post("runs/create", { run_name: "plain" });
    expect(body.run.info).toMatchObject({
      experiment_id: "0",
      run_name: "plain",
      status: "RUNNING",
      lifecycle_stage: "active",
    });
    expect((await get("experiments/get-by-name", { experiment_name: "Default" })).body.experiment.experiment_id).toBe(
      "0",
    );
  });

  test("keeps every value of a metric once, and the latest by step, time and value", async () => {
    const run_id = await newRun();
    const at = (step: number, timestamp: number, value: number | string) => ({ key: "loss", value, step, timestamp });
    const metrics = [at(2, 10, 0.2), at(1, 50, 0.9), at(2, 20, 0.1), at(2, 20, 0.15), at(-1, 99, 7)];
    for (let times = 0; times < 2; times++)
      expect((await post("runs/log-batch", { run_id, metrics })).status).toBe(200);
    await post("runs/log-metric", { run_id, ...at(1, 900, 5) });
    const { body } = await get("metrics/get-history", { run_id, metric_key: "loss" });
    expect(body.metrics.map(({ step, timestamp, value }: Record<string, number>) => [step, timestamp, value])).toEqual([
      [-1, 99, 7],
      [1, 50, 0.9],
      [1, 900, 5],
      [2, 10, 0.2],
      [2, 20, 0.1],
      [2, 20, 0.15],
    ]);
    const { body: run } = await get("runs/get", { run_id });
    expect(run.run.data.metrics).toEqual([{ key: "loss", value: 0.15, timestamp: 20, step: 2 }]);
  });

  test("pages through a history", async () => {
    const run_id = await newRun();
    const metrics = Array.from({ length: 1000 }, (_, step) => ({ key: "loss", value: step / 7, step, timestamp: 1 }));
    await post("runs/log-batch", { run_id, metrics });
    const steps: number[] = [];
    let page_token = "";
    do {
      const { body } = await get("metrics/get-history", { run_id, metric_key: "loss", max_results: 300, page_token });
      steps.push(...body.metrics.map(({ step }: { step: number }) => step));
      page_token = body.next_page_token ?? "";
    } while (page_token !== "");
    expect(steps).toEqual(metrics.map(({ step }) => step));
    const { body } = await get("metrics/get-history-bulk-interval", {
      run_ids: [run_id],
      metric_key: "loss",
      max_results: 10,
    });
    expect(body.metrics.map(({ step }: { step: number }) => step)).toEqual([
      0, 111, 222, 333, 444, 555, 666, 777, 888, 999,
    ]);
  });

  test("takes NaN and infinities as words; infinities become the largest numbers, as with MLflow", async () => {
    const run_id = await newRun();
    for (const [key, value] of Object.entries({ nan: "NaN", up: "Infinity", down: "-Infinity" }))
      expect((await post("runs/log-metric", { run_id, key, value, timestamp: 1 })).status).toBe(200);
    const { body } = await get("runs/get", { run_id });
    expect(body.run.data.metrics.map(({ value }: { value: unknown }) => value)).toEqual([
      -Number.MAX_VALUE,
      "NaN",
      Number.MAX_VALUE,
    ]);
    expect((await post("runs/log-metric", { run_id, key: "x", value: "many", timestamp: 1 })).status).toBe(400);
  });

  test("a parameter keeps its value: all of a batch is refused, or nothing", async () => {
    const run_id = await newRun();
    await post("runs/log-parameter", { run_id, key: "lr", value: "0.1" });
    expect((await post("runs/log-parameter", { run_id, key: "lr", value: "0.1" })).status).toBe(200);
    const changed = await post("runs/log-batch", {
      run_id,
      metrics: [{ key: "a", value: 1, timestamp: 1 }],
      params: [
        { key: "new", value: "1" },
        { key: "lr", value: "0.2" },
      ],
    });
    expect([changed.status, changed.body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    expect(changed.body.message).toContain("'lr' was already logged with value='0.1'");
    const { body } = await get("runs/get", { run_id });
    expect(body.run.data).toMatchObject({ metrics: [], params: [{ key: "lr", value: "0.1" }] });
  });

  test("refuses more than MLflow takes at once", async () => {
    const run_id = await newRun();
    const metric = { key: "a", value: 1, timestamp: 1 };
    const many = (count: number) => Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: "v" }));
    for (const batch of [
      { metrics: Array(1001).fill(metric) },
      { params: many(101) },
      { tags: many(101) },
      { metrics: Array(950).fill(metric), params: many(100) },
      { metrics: [{ ...metric, key: "k".repeat(251) }] },
      { params: [{ key: "k", value: "v".repeat(6001) }] },
    ])
      expect((await post("runs/log-batch", { run_id, ...batch })).status).toBe(400);
  });

  test("a run that was deleted takes nothing more, and comes back", async () => {
    const run_id = await newRun();
    await post("runs/delete", { run_id });
    const refused = await post("runs/log-metric", { run_id, key: "a", value: 1, timestamp: 1 });
    expect([refused.status, refused.body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    await post("runs/restore", { run_id });
    expect((await post("runs/log-metric", { run_id, key: "a", value: 1, timestamp: 1 })).status).toBe(200);
  });

  test("the name of a run and its tag are one", async () => {
    const run_id = await newRun();
    await post("runs/set-tag", { run_id, key: "mlflow.runName", value: "by tag" });
    expect((await get("runs/get", { run_id })).body.run.info.run_name).toBe("by tag");
    await post("runs/update", { run_id, run_name: "by name" });
    expect((await get("runs/get", { run_id })).body.run.data.tags).toContainEqual({
      key: "mlflow.runName",
      value: "by name",
    });
  });

  test("every change of an experiment is in the events, and so is what was denied", async () => {
    const { body } = await post("experiments/create", { name: "told" });
    const eve = await accountWith(server, "eve", ["viewer"]);
    await mlflow(server, eve, "POST", "experiments/delete", { experiment_id: body.experiment_id });
    const events = await server.registry.store.rows
      .selectFrom("events")
      .select(["action", "resource", "entry"])
      .where("resource", "in", [`experiments/${body.experiment_id}`, `experiment/${body.experiment_id}`])
      .orderBy("sequence")
      .execute();
    expect(events.map(({ action, entry }) => [action, JSON.parse(entry).outcome])).toEqual([
      ["experiment:write", "done"],
      ["experiment:delete", "denied"],
    ]);
  });

  test("counts metrics of a logged model on the data set that they were measured on", async () => {
    const run_id = await newRun();
    const { body } = await post("logged-models", { experiment_id: "0", name: "net", source_run_id: run_id });
    const { model_id } = body.model.info;
    await post("runs/log-metric", {
      run_id,
      key: "acc",
      value: 0.9,
      timestamp: 1,
      model_id,
      dataset_name: "test",
      dataset_digest: "d1",
    });
    const found = async (asked: object) =>
      ((await post("logged-models/search", { experiment_ids: ["0"], ...asked })).body.models ?? []).map(
        ({ info }: { info: { model_id: string } }) => info.model_id,
      );
    expect(await found({ filter: "metrics.acc > 0.5", datasets: [{ dataset_name: "test" }] })).toEqual([model_id]);
    expect(await found({ filter: "metrics.acc > 0.5", datasets: [{ dataset_name: "other" }] })).toEqual([]);
    expect(await found({ datasets: [{ dataset_name: "test", dataset_digest: "d1" }] })).toEqual([model_id]);
    expect(await found({ datasets: [{ dataset_name: "test", dataset_digest: "d2" }] })).toEqual([]);
    expect(await found({ order_by: [{ field_name: "metrics.acc", ascending: false }] })).toContain(model_id);
  });

  test("lists folders of a run by name, and a file is no folder", async () => {
    const run_id = await newRun();
    const root = `0/${run_id}/artifacts`;
    for (const path of ["a.txt", "plots/b.png", "plots/deep/c.png", "plots-2/d"])
      expect((await put(server, token, `${root}/${path}`, path)).status).toBe(200);
    expect((await get("artifacts/list", { run_id, path: "plots" })).body).toEqual({
      root_uri: `mlflow-artifacts:/${root}`,
      files: [
        { path: "plots/b.png", is_dir: false, file_size: 11 },
        { path: "plots/deep", is_dir: true },
      ],
    });
    const proxied = await ask(server.url, token, "GET", `/ajax-api/2.0/mlflow-artifacts/artifacts?path=${root}`);
    expect(proxied.body.files.map(({ path }: { path: string }) => path)).toEqual(["a.txt", "plots", "plots-2"]);
    expect((await get("artifacts/list", { run_id, path: "a.txt" })).body.files).toEqual([]);
    for (const path of ["a.txt/b", "plots"])
      expect((await put(server, token, `${root}/${path}`, "x")).status).toBe(409);
  });
});
