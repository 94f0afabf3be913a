import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createToken, createUser, grantRole, localPrincipal, openRegistry } from "@casemate/registry";
import { ask, sha256Of } from "./open-server.ts";
import { randomFrom } from "./writers.ts";

/** What was acknowledged before each kill and what was there after it. */
export interface CrashOutcome {
  readonly acknowledged: number;
  readonly missing: readonly string[];
  /** Whether the log had every event, in order, each time. */
  readonly isLogWhole: boolean;
}

/** Starts a server, lets clients write, kills it by SIGKILL at a random moment, and looks at what is there; so many times. */
export async function killUnderLoad(kills: number, seed: number): Promise<CrashOutcome> {
  const folder = await mkdtemp(join(tmpdir(), "casemate-crash-"));
  const random = randomFrom(seed);
  const acknowledged: string[] = [];
  const missing: string[] = [];
  let isLogWhole = true;
  try {
    const first = await openRegistry({ folder, failed: () => undefined });
    const { id } = await createUser(first, localPrincipal(), { name: "writer", kind: "service" });
    await grantRole(first, localPrincipal(), id, { role: "contributor", model: "*", environment: "*" });
    const { token } = await createToken(first, localPrincipal(), id, { name: "load" });
    await first.close();
    for (let kill = 0; kill < kills; kill++) {
      const { child, url } = await start(folder);
      const clients = Array.from({ length: 4 }, (_, client) => write(url, token, `${kill}-${client}`, acknowledged));
      const before = acknowledged.length;
      while (acknowledged.length < before + 3) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, random() * 100));
      child.kill("SIGKILL");
      await once(child, "exit");
      await Promise.all(clients);
      const registry = await openRegistry({ folder, failed: () => undefined });
      await registry.log.settled();
      const rows = await registry.store.rows.selectFrom("versions").select(["model", "version"]).execute();
      const stored = new Set(rows.map(({ model, version }) => `${model}/${version}`));
      missing.push(...acknowledged.filter((name) => !stored.has(name)));
      const events = await registry.store.rows
        .selectFrom("events")
        .select(["sequence", "entry"])
        .orderBy("sequence")
        .execute();
      const logged = await Promise.all(events.map(({ sequence }) => registry.log.entries.entry(sequence)));
      isLogWhole &&=
        registry.log.entries.size === events.length &&
        events.every(({ sequence, entry }, index) => sequence === index && logged[index]!.toString() === entry);
      await registry.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { acknowledged: acknowledged.length, missing: [...new Set(missing)], isLogWhole };
}

async function start(folder: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "serve-folder.mjs"), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { value } = await createInterface({ input: child.stdout! })[Symbol.asyncIterator]().next();
  return { child, url: value };
}

/** Adds models and versions until the server is gone. */
async function write(url: string, token: string, name: string, acknowledged: string[]): Promise<void> {
  try {
    for (let count = 0; ; count++) {
      const content = Buffer.from(`${name} ${count}`);
      const model = `m-${name}`;
      if (count === 0) await ask(url, token, "POST", "/api/v1/models", { name: model });
      await ask(url, token, "PUT", `/api/v1/models/${model}/blobs/${sha256Of(content)}`, content);
      const files = [{ path: "model.bin", sha256: sha256Of(content), size: content.length }];
      const { status, body } = await ask(url, token, "POST", `/api/v1/models/${model}/versions`, { files });
      if (status === 201) acknowledged.push(`${model}/${body.version}`);
    }
  } catch {
    // the connection is gone, as it is meant to be
  }
}
