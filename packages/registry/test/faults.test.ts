import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createToken, createUser, grantRole, localPrincipal, openRegistry } from "@casemate/registry";
import { expect, test } from "vitest";
import { startPostgres } from "../../store/test/postgres-server.ts";
import { killUnderLoad } from "./crashes.ts";
import { ask, openTestServer, sha256Of } from "./open-server.ts";

test("killed three times under load, every acknowledged version is there and the log is whole", async () => {
  const { acknowledged, missing, isLogWhole } = await killUnderLoad(3, 1);
  expect(acknowledged).toBeGreaterThanOrEqual(9);
  expect({ missing, isLogWhole }).toEqual({ missing: [], isLogWhole: true });
});

test("what a killed server left of files that it was scanning is gone at the next start", async () => {
  const folder = await mkdtemp(join(tmpdir(), "casemate-scratch-"));
  try {
    const options = { folder, failed: () => undefined };
    const first = await openRegistry(options);
    await mkdir(join(first.scratch, "admit-left"));
    await writeFile(join(first.scratch, "admit-left", "model.onnx"), "weights");
    await first.close();
    const second = await openRegistry(options);
    expect(await readdir(second.scratch)).toEqual([]);
    await second.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a database that is gone is a clear answer, and its return needs nothing", async () => {
  const postgres = await startPostgres();
  const server = await openTestServer(await postgres.createDatabase());
  const token = await server.account("ada", "contributor");
  const create = (name: string) => ask(server.url, token, "POST", "/api/v1/models", { name });
  expect((await create("before")).status).toBe(201);
  await postgres.kill();
  expect(await create("during")).toMatchObject({ status: 503, body: { code: "UNAVAILABLE" } });
  await postgres.start();
  expect((await create("during")).status).toBe(201);
  expect(
    (await ask(server.url, token, "GET", "/api/v1/models")).body.items.map(({ name }: { name: string }) => name),
  ).toEqual(["before", "during"]);
  expect(server.registry.log.entries.size).toBeGreaterThan(0);
  await server.close();
  await postgres.close();
});

test.skipIf(process.platform === "win32")(
  "a disk that takes no more is a clear answer, nothing is half stored, and smaller files go on",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "casemate-full-"));
    const registry = await openRegistry({ folder, failed: () => undefined });
    const { id } = await createUser(registry, localPrincipal(), { name: "ada", kind: "person" });
    await grantRole(registry, localPrincipal(), id, { role: "contributor", model: "*", environment: "*" });
    const { token } = await createToken(registry, localPrincipal(), id, { name: "test" });
    await registry.close();
    // no file may grow beyond 4 MB: as a full disk, and possible without rights on mounts
    const limited = `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`;
    const child = spawn(
      "bash",
      ["-c", limited, process.execPath, join(import.meta.dirname, "serve-folder.mjs"), folder],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      const { value: url } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
      await ask(url, token, "POST", "/api/v1/models", { name: "large" });
      const put = (content: Buffer) =>
        ask(url, token, "PUT", `/api/v1/models/large/blobs/${sha256Of(content)}`, content);
      expect(await put(Buffer.alloc(8 * 2 ** 20))).toMatchObject({
        status: 507,
        body: { code: "STORAGE_FULL", detail: "The disk is full; nothing was stored." },
      });
      expect(await readdir(join(folder, "blobs", "incoming"))).toEqual([]);
      expect((await put(Buffer.alloc(2 ** 20))).status).toBe(200);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    }
  },
);
