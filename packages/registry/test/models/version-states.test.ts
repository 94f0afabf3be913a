import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createModel,
  createVersion,
  getVersion,
  localPrincipal,
  moveVersion,
  type VersionState,
} from "../../src/index.ts";
import { openTestServer, sha256Of, type TestServer } from "../open-server.ts";

let server: TestServer;
const principal = localPrincipal();
const content = Buffer.from("weights");
const file = { path: "model.bin", sha256: sha256Of(content), size: content.length };

beforeAll(async () => {
  server = await openTestServer();
  await createModel(server.registry, principal, { name: "digits" });
  const { blobs } = server.registry.store;
  await blobs.put("default-development", [content] as never, { sha256: file.sha256 });
});

afterAll(async () => {
  await server.close();
});

const states = ["pending", "ready", "failed", "quarantined", "retired", "deleted"] as const;
const allowed: Readonly<Record<VersionState, readonly VersionState[]>> = {
  pending: ["ready", "failed", "deleted"],
  ready: ["quarantined", "retired", "deleted"],
  failed: ["deleted"],
  quarantined: ["ready", "retired", "deleted"],
  retired: ["deleted"],
  deleted: [],
};

const move = (version: number, to: VersionState) =>
  moveVersion(server.registry, principal, { model: "digits", version, to, action: `version:${to}`, reason: "a test" });

test.each(states.slice(0, -1).flatMap((from) => states.map((to) => [from, to] as const)))(
  "%s to %s",
  async (from, to) => {
    const { version } = await createVersion(server.registry, principal, "digits", { files: [file] });
    // nobody but admission moves a pending version to ready; here it is done by hand, to begin from each state
    if (from === "quarantined" || from === "retired") await move(version, "ready");
    if (from !== "pending") await move(version, from);
    if (allowed[from].includes(to)) await move(version, to);
    else await expect(move(version, to)).rejects.toThrow(`is ${from}; only`);
    const after = getVersion(server.registry, principal.tenant, "digits", version);
    if (to === "deleted") await expect(after).rejects.toThrow("there is no version");
    else expect((await after).state).toBe(allowed[from].includes(to) ? to : from);
  },
);

test("a version that is pending cannot be led around its scan by a quarantine", async () => {
  const { version } = await createVersion(server.registry, principal, "digits", { files: [file] });
  await expect(move(version, "quarantined")).rejects.toThrow("only ready ones become quarantined");
});
