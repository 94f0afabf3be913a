import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanPaths } from "../../scan/dist/index.js"; // built: the process that parses is a file of its own
import { createDatabase } from "../../store/test/homes.ts";
import { startS3 } from "../../store/test/s3-server.ts";
import { createToken, createUser, grantRole, localPrincipal, openRegistry } from "../src/index.ts";
import { scannerBy } from "../src/scan-folder.ts";
import { createServer } from "../src/server.ts";
import { ask, sha256Of } from "./open-server.ts";

test("a registry whose files are in a bucket takes a version and gives it back; its folder holds none", async () => {
  const s3 = await startS3();
  const folder = await mkdtemp(join(tmpdir(), "casemate-bucket-"));
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  const store = { postgres: await createDatabase(), blobs: { s3: s3.location } };
  const registry = await openRegistry({ folder, store, failed, scan: scannerBy(scanPaths) });
  const server = await createServer(registry, { version: "0.1.0", failed });
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  try {
    const { id } = await createUser(registry, localPrincipal(), { name: "ada", kind: "person" });
    await grantRole(registry, localPrincipal(), id, { role: "contributor", model: "*", environment: "*" });
    const { token } = await createToken(registry, localPrincipal(), id, { name: "test" });
    const content = Buffer.from("weights");
    const file = { path: "model.bin", sha256: sha256Of(content), size: content.length };
    await ask(url, token, "POST", "/api/v1/models", { name: "digits" });
    const uploaded = await ask(url, token, "PUT", `/api/v1/models/digits/blobs/${file.sha256}`, content);
    expect(uploaded.status).toBe(200);
    const added = await ask(url, token, "POST", "/api/v1/models/digits/versions", { files: [file] });
    expect(added.status).toBe(201);
    await server.admissions.settled();
    const read = await ask(url, token, "GET", `/api/v1/models/digits/versions/${added.body.version}/files/model.bin`);
    expect([read.status, read.body]).toEqual([200, "weights"]);
    expect(await readdir(folder)).not.toContain("blobs");
    await s3.kill();
    const refused = await ask(url, token, "PUT", `/api/v1/models/digits/blobs/${file.sha256}`, content);
    expect(refused).toMatchObject({ status: 503, body: { code: "UNAVAILABLE" } });
  } finally {
    await server.close();
    await registry.close();
    await s3.close();
    await rm(folder, { recursive: true });
  }
});
