import { randomBytes } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, openLog, type Signer, signerFromFile } from "@casemate/evidence";
import { type Location, type Migration, openStore } from "@casemate/store";
import { openPolicies } from "./access/policies.ts";
import { createEnvironments } from "./environments/environments.ts";
import { openEventLog } from "./events/event-log.ts";
import { localPrincipal } from "./identity/first-admin.ts";
import { mlflowTables } from "./mlflow/tables.ts";
import type { Registry } from "./registry.ts";
import { scannerBy } from "./scan-folder.ts";
import { registryTables } from "./tables/0001-registry.ts";
import type { Tables } from "./tables/tables.ts";

export interface RegistryOptions {
  /** Holds keys and the log; and rows and blobs unless `store` says where those are. */
  readonly folder: string;
  readonly store?: Location;
  /** The log's name, such as `registry.example.com/log`. */
  readonly origin?: string;
  /** More access policies, in Cedar. */
  readonly policies?: string;
  /** Told when events cannot be carried into the log. */
  readonly failed: (error: unknown) => void;
  /** What says what files hide; `@casemate/scan` by default. */
  readonly scan?: Registry["scan"];
  readonly now?: () => number;
  readonly randomBytes?: (count: number) => Buffer;
}

/** A registry that can be closed. */
export interface OpenRegistry extends Registry {
  close(): Promise<void>;
}

export const migrations: readonly Migration[] = [registryTables, mlflowTables];

/** Opens the registry in a folder, or makes it. Throws INVALID for access policies that are not valid, and what store and log throw. */
export async function openRegistry(options: RegistryOptions): Promise<OpenRegistry> {
  const {
    folder,
    origin = "casemate.local/log",
    failed,
    scan = scanLazily,
    now = Date.now,
    randomBytes: draw = randomBytes,
  } = options;
  const policies = openPolicies(options.policies);
  await mkdir(join(folder, "keys"), { recursive: true, mode: 0o700 });
  const store = await openStore<Tables>(options.store ?? { folder }, migrations, { now });
  try {
    const log = openEventLog(
      store,
      await openLog(join(folder, "log"), { origin, signer: await keyIn(folder, "log") }),
      failed,
    );
    const signers = new Map<string, Promise<Signer>>();
    const signerFor = (tenant: string, environment: string): Promise<Signer> => {
      const name = `${tenant}-${environment}`;
      const signer = signers.get(name) ?? keyIn(folder, name);
      signers.set(name, signer);
      return signer;
    };
    const scratch = join(folder, "scratch");
    await rm(scratch, { recursive: true, force: true }); // nobody else uses it: the log has one writer
    await mkdir(scratch, { mode: 0o700 });
    const registry: Registry = { store, policies, log, signerFor, scan, scratch, now, randomBytes: draw };
    await createEnvironments(registry, localPrincipal());
    log.wake(); // what was committed before a crash
    return {
      ...registry,
      async close() {
        await log.settled();
        await log.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The scanner is loaded with the first version: a server that starts has no use for it yet. */
const scanLazily: Registry["scan"] = async (folder) =>
  await scannerBy((await import("@casemate/scan")).scanPaths)(folder);

/** A key of the registry's own, made at the first need. */
async function keyIn(folder: string, name: string): Promise<Signer> {
  const path = join(folder, "keys", `${name}.pem`);
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) await generateKey(path, "ed25519");
  return await signerFromFile(path);
}
