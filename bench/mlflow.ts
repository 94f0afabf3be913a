import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { createHash, randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { Agent, createServer as createHttpServer, request } from "node:http";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createServer, createToken, createUser, grantRole, localPrincipal, openRegistry } from "@casemate/registry";
import { median } from "./median.ts";

/**
 * Prints how long MLflow's API takes here and, in turns, at MLflow's own server with SQLite where CASEMATE_PYTHON imports mlflow; how
 * long searches take over 100,000 versions; and how fast files go up and down beside a server that only writes and reads them. Every
 * server is a process of its own.
 */
const METRICS = 1000;
const BATCHES = 40;
const SEARCHES = 60;
const MODELS = 100;
const VERSIONS = 1000;
const FILE = 256 * 2 ** 20;
const TRANSFERS = 5;
const agent = new Agent({ keepAlive: true });

if (process.argv[2] === "registry") await serveRegistry(process.argv[3]!);
else if (process.argv[2] === "files") await serveFiles(process.argv[3]!);
else await compare();

interface Peer {
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

async function compare(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "casemate-bench-"));
  const ours = await startOwn("registry", join(folder, "registry"));
  const files = await startOwn("files", folder);
  const theirs = await startMlflow(folder);
  try {
    await compareBatches(ours, theirs);
    await measureSearches(ours);
    await compareFiles(ours, files, folder);
  } finally {
    for (const peer of [ours, files, theirs]) await peer?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `names` metrics, each at as many steps as make a thousand values. */
async function compareBatches(ours: Peer, theirs: Peer | undefined): Promise<void> {
  for (const names of [10, METRICS]) {
    const peers = [ours, ...(theirs === undefined ? [] : [theirs])];
    const runs = await Promise.all(peers.map(newRun));
    const times: number[][] = peers.map(() => []);
    for (let batch = 0; batch < BATCHES; batch++)
      for (const [index, peer] of peers.entries()) {
        const metrics = Array.from({ length: METRICS }, (_, each) => ({
          key: `metric-${each % names}`,
          value: Math.sin(batch * METRICS + each),
          timestamp: 1_700_000_000_000 + batch,
          step: batch * METRICS + Math.floor(each / names),
        }));
        const from = performance.now();
        await call(peer, "POST", "runs/log-batch", { run_id: runs[index], metrics });
        if (batch > 2) times[index]!.push(performance.now() - from);
      }
    const [our, their] = times.map(median);
    const beside =
      their === undefined ? "" : `, MLflow's server ${their.toFixed(1)} ms: ${(their / our!).toFixed(1)} times`;
    console.log(`log-batch of ${METRICS} metrics, ${names} names: ${our!.toFixed(1)} ms${beside}`);
  }
  if (theirs === undefined) console.log("MLflow's server was not measured: CASEMATE_PYTHON does not import mlflow");
}

async function measureSearches(ours: Peer): Promise<void> {
  const cases: readonly [string, string, Readonly<Record<string, string>>][] = [
    ["models, first hundred", "registered-models/search", { max_results: "100" }],
    ["models by name", "registered-models/search", { filter: "name LIKE 'model-05%'", max_results: "100" }],
    ["models by tag", "registered-models/search", { filter: "tags.team = 'team-7'", max_results: "100" }],
    [
      "versions of a model, first hundred",
      "model-versions/search",
      { filter: "name = 'model-050'", max_results: "100" },
    ],
    ["versions by tag", "model-versions/search", { filter: "tags.build = '77'", max_results: "100" }],
    ["one version", "model-versions/get", { name: "model-050", version: "500" }],
  ];
  for (const [name, path, query] of cases) {
    const times: number[] = [];
    for (let each = 0; each < SEARCHES; each++) {
      const from = performance.now();
      await call(ours, "GET", `${path}?${new URLSearchParams(query)}`);
      times.push(performance.now() - from);
    }
    const slow = times.toSorted((a, b) => a - b)[Math.floor(SEARCHES * 0.95)]!;
    console.log(
      `search among ${MODELS * VERSIONS} versions, ${name}: p50 ${median(times).toFixed(1)} ms, p95 ${slow.toFixed(1)} ms`,
    );
  }
}

async function compareFiles(ours: Peer, files: Peer, folder: string): Promise<void> {
  const source = join(folder, "source");
  const run = await newRun(ours);
  const places = [
    [ours, `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/file`],
    [files, "/file"],
  ] as const;
  const up: number[][] = [[], []];
  const down: number[][] = [[], []];
  for (let round = 0; round < TRANSFERS; round++) {
    const content = randomFillSync(Buffer.alloc(FILE)); // other bytes each time, since what is there is not written again
    await pipeline([content], createWriteStream(source));
    for (const [index, [peer, path]] of places.entries()) {
      let from = performance.now();
      await transfer(peer, "PUT", path, source);
      up[index]!.push(performance.now() - from);
      from = performance.now();
      await transfer(peer, "GET", path);
      down[index]!.push(performance.now() - from);
    }
  }
  const hash = performance.now();
  createHash("sha256")
    .update(randomFillSync(Buffer.alloc(FILE)))
    .digest();
  const alone = performance.now() - hash;
  const speed = (times: readonly number[]) => FILE / median(times) / 1e3;
  for (const [name, [our, plain]] of [
    ["upload", up],
    ["download", down],
  ] as const)
    console.log(
      `${name} of ${FILE / 2 ** 20} MB: ${speed(our!).toFixed(0)} MB/s, a plain file server ${speed(plain!).toFixed(0)} MB/s: ${((100 * speed(our!)) / speed(plain!)).toFixed(0)} %`,
    );
  console.log(`(SHA-256 of the same bytes alone: ${(FILE / alone / 1e3).toFixed(0)} MB/s)`);
}

async function serveRegistry(folder: string): Promise<void> {
  const failed = (error: unknown) => console.error(error);
  const registry = await openRegistry({ folder, failed });
  const server = await createServer(registry, { version: "bench", failed });
  const { id } = await createUser(registry, localPrincipal(), { name: "bench", kind: "person" });
  await grantRole(registry, localPrincipal(), id, { role: "contributor", model: "*", environment: "*" });
  const { token } = await createToken(registry, localPrincipal(), id, { name: "bench" });
  const model = (index: number) => `model-${String(index).padStart(3, "0")}`;
  for (let index = 0; index < MODELS; index++)
    await registry.store.write(async (rows) => {
      const of = { tenant: "default", model: model(index) };
      const at = { created_at: index, updated_at: index, revision: 1, description: "", author: id };
      await rows
        .insertInto("models")
        .values({
          tenant: "default",
          name: of.model,
          name_key: of.model,
          ...at,
          next_version: VERSIONS + 1,
          deleted_at: null,
        })
        .execute();
      await rows
        .insertInto("model_tags")
        .values({ ...of, key: "team", value: `team-${index % 10}` })
        .execute();
      const versions = Array.from({ length: VERSIONS }, (_, each) => ({
        ...of,
        ...at,
        version: each + 1,
        state: "ready" as const,
        state_reason: "",
        root_digest: "0".repeat(64),
        size: 1,
        source: "",
        run_id: null,
        parent_model: null,
        parent_version: null,
        materials: "[]",
      }));
      await rows.insertInto("versions").values(versions).execute();
      await rows
        .insertInto("version_tags")
        .values(versions.map(({ version }) => ({ ...of, version, key: "build", value: String(version) })))
        .execute();
    });
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  process.send!({ url, token });
  await once(process, "disconnect");
  await server.close();
  await registry.close();
}

/** Writes what is sent to a file, flushed, and reads it back: the least that a store of files does. */
async function serveFiles(folder: string): Promise<void> {
  const path = join(folder, "plain");
  const server = createHttpServer(async (incoming, response) => {
    if (incoming.method === "PUT") {
      const file = createWriteStream(path, { flush: true });
      await pipeline(incoming, file);
      response.end("{}");
    } else {
      response.setHeader("content-length", statSync(path).size);
      await pipeline(createReadStream(path), response);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send!({ url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, token: "" });
  await once(process, "disconnect");
  server.close();
}

async function startOwn(kind: "registry" | "files", folder: string): Promise<Peer> {
  const child = fork(fileURLToPath(import.meta.url), [kind, folder]);
  const [{ url, token }] = await once(child, "message");
  return { url, token, close: () => ended(child, () => child.disconnect()) };
}

/** MLflow's own server, with SQLite and one worker, as `mlflow server` has it; undefined where there is none. */
async function startMlflow(folder: string): Promise<Peer | undefined> {
  const python = process.env.CASEMATE_PYTHON ?? "python3";
  if (spawnSync(python, ["-c", "import mlflow.server"], { stdio: "ignore" }).status !== 0) return undefined;
  const port = await freePort();
  const store = [
    "--backend-store-uri",
    `sqlite:///${join(folder, "mlflow.db")}`,
    "--artifacts-destination",
    join(folder, "mlflow"),
  ];
  const child = spawn(
    python,
    ["-m", "mlflow", "server", ...store, "--host", "127.0.0.1", "--port", String(port), "--workers", "1"],
    { stdio: "ignore", detached: true },
  );
  const peer = {
    url: `http://127.0.0.1:${port}`,
    token: "",
    close: () => ended(child, () => process.kill(-child.pid!, "SIGTERM")),
  };
  for (let attempt = 0; attempt < 120; attempt++) {
    const answer = await fetch(`${peer.url}/health`).catch(() => undefined);
    if (answer?.ok === true) return peer;
    await delay(500);
  }
  await peer.close();
  throw new Error("MLflow's server did not start within a minute");
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, "exit");
  end();
  await exit;
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function newRun(peer: Peer): Promise<string> {
  const { run } = (await call(peer, "POST", "runs/create", { experiment_id: "0" })) as {
    run: { info: { run_id: string } };
  };
  return run.info.run_id;
}

async function call(peer: Peer, method: string, path: string, body?: object): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await send(peer, method, `/api/2.0/mlflow/${path}`, text);
  return JSON.parse(answer);
}

function send({ url, token }: Peer, method: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const sent = request(`${url}${path}`, { method, agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends a file, or receives one and throws it away. */
async function transfer({ url, token }: Peer, method: string, path: string, source?: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(source === undefined ? {} : { "content-type": "application/octet-stream", "content-length": FILE }),
  };
  const sent = request(`${url}${path}`, { method, headers, agent });
  const answered = once(sent, "response");
  if (source === undefined) sent.end();
  else await pipeline(createReadStream(source, { highWaterMark: 2 ** 20 }), sent);
  const [response] = await answered;
  let received = 0;
  for await (const chunk of response) received += chunk.length;
  if (response.statusCode !== 200 || (source === undefined && received !== FILE))
    throw new Error(`${method} ${path}: ${response.statusCode}, ${received} bytes`);
}
