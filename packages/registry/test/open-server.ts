import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scanPaths } from "../../scan/dist/index.js"; // built: the process that parses is a file of its own
import type { Role } from "../src/access/actions.ts";
import {
  createToken,
  createUser,
  grantRole,
  localPrincipal,
  type OpenRegistry,
  openRegistry,
  type RegistryServer,
  type ServerOptions,
} from "../src/index.ts";
import { scannerBy } from "../src/scan-folder.ts";
import { createServer } from "../src/server.ts";

/** A real server on a loopback port, over a folder of its own. */
export interface TestServer {
  readonly folder: string;
  readonly url: string;
  readonly registry: OpenRegistry;
  readonly server: RegistryServer;
  /** Everything that was answered with 500. */
  readonly failures: unknown[];
  /** Makes an account with a role and returns its token. */
  account(
    name: string,
    role: Role,
    where?: { readonly model?: string; readonly environment?: string; readonly kind?: "person" | "service" },
  ): Promise<string>;
  close(): Promise<void>;
}

/** On SQLite in its folder, or on a PostgreSQL database by its URL. */
export async function openTestServer(
  postgres?: string,
  options: Partial<ServerOptions> = {},
  port = 0,
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "casemate-registry-"));
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  const registry = await openRegistry({
    folder,
    failed,
    scan: scannerBy(scanPaths),
    ...(postgres === undefined ? {} : { store: { postgres, blobs: { folder: join(folder, "blobs") } } }),
  });
  const server = await createServer(registry, { version: "0.1.0", failed, ...options });
  const url = await server.app.listen({ port, host: "127.0.0.1" });
  return {
    folder,
    url,
    registry,
    server,
    failures,
    async account(name, role, { model = "*", environment = "*", kind = "person" } = {}) {
      const { id } = await createUser(registry, localPrincipal(), { name, kind });
      await grantRole(registry, localPrincipal(), id, { role, model, environment });
      return (await createToken(registry, localPrincipal(), id, { name: "test" })).token;
    },
    async close() {
      await server.close();
      await registry.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One request with a token: status, headers and the JSON that came back. */
export async function ask(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
