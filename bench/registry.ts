import { createHash, randomFillSync } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  createModel,
  createServer,
  createToken,
  createUser,
  grantRole,
  localPrincipal,
  openRegistry,
} from "@casemate/registry";
import { median } from "./median.ts";

/**
 * Prints how many decisions the access policies make, how long a page of models takes among 100,000 versions, and how fast a file of 256 MB goes up and down beside a plain server of files
 * that keeps nothing but its bytes, in turns.
 */
const MODELS = 10_000;
const VERSIONS = 10;
const MEGABYTES = 256;
const rounds = 5;

const folder = await mkdtemp(join(tmpdir(), "casemate-bench-"));
const failed = (error: unknown) => console.error(error);
const registry = await openRegistry({ folder: join(folder, "registry"), failed });
const server = await createServer(registry, { version: "0.1.0", failed });
const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
const plain = plainServer(folder);
try {
  const { id } = await createUser(registry, localPrincipal(), { name: "bench", kind: "service" });
  for (const role of ["contributor", "viewer"] as const)
    await grantRole(registry, localPrincipal(), id, { role, model: "*", environment: "*" });
  const { token } = await createToken(registry, localPrincipal(), id, { name: "bench" });
  const headers = { authorization: `Bearer ${token}` };

  const { decide } = registry.policies;
  const somebody = { ...localPrincipal(), id, kind: "service" as const };
  const decisions = async (nameOf: (index: number) => string) => {
    const count = 5000;
    const time = await seconds(async () => {
      for (let index = 0; index < count; index++) {
        const model = nameOf(index);
        decide(somebody, "model:read", { tenant: "default", type: "Model", id: model, model });
      }
    });
    return (count / time).toFixed(0);
  };
  await decisions((index) => `warm-${index}`);
  console.log(
    `decisions: ${await decisions((index) => `model-${index}`)} each for the first time, ${await decisions(() => "again")} again, a second (wanted: 5000)`,
  );

  await fill();
  const times: number[] = [];
  for (let query = 0; query < 300; query++) {
    const term =
      query % 3 === 0
        ? ""
        : `contains=${String(query * 31)
            .padStart(5, "0")
            .slice(0, 4)}&`;
    const start = performance.now();
    const response = await fetch(`${url}/api/v1/models?${term}limit=50`, { headers });
    await response.json();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(
    `a page of 50 models among ${MODELS * VERSIONS} versions: p50 ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms (wanted: p50 20 ms)`,
  );

  await createModel(registry, localPrincipal(), { name: "large" });
  await plain.listening;
  const speeds: Record<string, number[]> = { "up, ours": [], "up, plain": [], "down, ours": [], "down, plain": [] };
  for (let round = 0; round <= rounds; round++) {
    const content = safetensors(MEGABYTES * 2 ** 20);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const size = content.length;
    const measured = {
      "up, ours": await seconds(() => put(`${url}/api/v1/models/large/blobs/${sha256}`, content, headers)),
      "up, plain": await seconds(() => put(`${plain.url()}/${sha256}`, content, {})),
    };
    const files = [{ path: "model.safetensors", sha256, size }];
    const added = await fetch(`${url}/api/v1/models/large/versions`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ files }),
    });
    const { version }: { version: number } = (await added.json()) as never;
    await server.admissions.settled();
    const down = {
      "down, ours": await seconds(() =>
        get(`${url}/api/v1/models/large/versions/${version}/files/model.safetensors`, headers),
      ),
      "down, plain": await seconds(() => get(`${plain.url()}/${sha256}`, {})),
    };
    if (round > 0)
      for (const [name, time] of Object.entries({ ...measured, ...down })) speeds[name]!.push(MEGABYTES / time);
  }
  for (const way of ["up", "down"]) {
    const [ours, theirs] = [median(speeds[`${way}, ours`]!), median(speeds[`${way}, plain`]!)];
    console.log(
      `${way}: ${ours.toFixed(0)} MB/s, plain server ${theirs.toFixed(0)} MB/s: ${((100 * ours) / theirs).toFixed(0)} % (wanted: 80 %)`,
    );
  }
} finally {
  plain.close();
  await server.close();
  await registry.close();
  await rm(folder, { recursive: true });
}

/** A file that the scan lets pass: one tensor of random bytes. */
function safetensors(bytes: number): Buffer {
  const header = JSON.stringify({ weight: { dtype: "U8", shape: [bytes], data_offsets: [0, bytes] } });
  const content = Buffer.alloc(8 + header.length + bytes);
  content.writeBigUInt64LE(BigInt(header.length));
  content.write(header, 8);
  return randomFillSync(content, 8 + header.length);
}

/** Rows as the registry writes them, without their events. */
async function fill(): Promise<void> {
  const at = Date.now();
  for (let start = 0; start < MODELS; start += 500) {
    await registry.store.write(async (rows) => {
      const names = Array.from({ length: 500 }, (_, index) => `model ${String(start + index).padStart(6, "0")}`);
      await rows
        .insertInto("models")
        .values(
          names.map((name) => ({
            tenant: "default",
            name,
            name_key: name,
            description: "",
            author: "bench",
            created_at: at,
            updated_at: at,
            revision: 1,
            next_version: VERSIONS + 1,
            deleted_at: null,
          })),
        )
        .execute();
      for (let version = 1; version <= VERSIONS; version++)
        await rows
          .insertInto("versions")
          .values(
            names.map((model) => ({
              tenant: "default",
              model,
              version,
              state: "ready" as const,
              state_reason: "",
              root_digest: "0".repeat(64),
              size: 1,
              author: "bench",
              description: "",
              source: "",
              run_id: null,
              parent_model: null,
              parent_version: null,
              materials: "[]",
              created_at: at,
              updated_at: at,
              revision: 1,
            })),
          )
          .execute();
    });
  }
}

/** PUT writes a file and flushes it, GET reads it: nothing else. */
function plainServer(parent: string) {
  const http = createHttpServer(async (request, response) => {
    const path = join(parent, `plain${request.url!.replaceAll("/", "-")}`);
    if (request.method === "PUT") {
      await pipeline(request, createWriteStream(path, { flush: true }));
      response.end();
    } else await pipeline(createReadStream(path), response);
  });
  http.listen(0, "127.0.0.1");
  return {
    listening: new Promise((resolve) => http.once("listening", resolve)),
    url: () => `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    close: () => http.close(),
  };
}

async function put(to: string, content: Buffer, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(to, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream", ...headers },
    body: content,
  });
  if (!response.ok) throw new Error(`${to}: ${response.status} ${await response.text()}`);
  await response.text();
}

async function get(from: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(from, { headers });
  if (!response.ok) throw new Error(`${from}: ${response.status}`);
  for await (const _ of response.body!);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function at(sorted: readonly number[], share: number): string {
  return sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1);
}
