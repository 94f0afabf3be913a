import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { copyLog } from "@casemate/evidence";
import { backUpStore, type Location, openStore, restoreStore, type Store, type StoreBackup } from "@casemate/store";
import { RegistryError } from "./errors.ts";
import { migrations } from "./open-registry.ts";
import type { Tables } from "./tables/tables.ts";

/** What is in a registry's folder beside its store: private keys, and the log. */
const PARTS = ["keys", "log"] as const;

/**
 * Copies a registry into a new folder, also while it serves: rows of one moment, blobs, keys and the log. Whoever reads the backup has
 * the private keys. Throws INVALID where the folder is not empty, and what the store throws.
 */
export async function backUpRegistry(
  folder: string,
  target: string,
  location: Location = { folder },
): Promise<StoreBackup> {
  await requireEmpty(target);
  await mkdir(target, { recursive: true, mode: 0o700 });
  await copyLog(join(folder, "log"), join(target, "log")); // before the rows: it may be behind them, never ahead
  await cp(join(folder, "keys"), join(target, "keys"), { recursive: true });
  const store = await openStore<Tables>(location, migrations);
  try {
    return await backUpStore(store as unknown as Store<unknown>, target);
  } finally {
    await store.close();
  }
}

/** Makes a registry from a backup, in a new folder, its rows in the folder or on an empty database. Throws INVALID, and what the store throws. */
export async function restoreRegistry(
  backup: string,
  folder: string,
  location: Location = { folder },
): Promise<StoreBackup> {
  await requireEmpty(folder);
  const store = await openStore<Tables>(location, migrations);
  try {
    const restored = await restoreStore(store as unknown as Store<unknown>, backup);
    for (const part of PARTS) await cp(join(backup, part), join(folder, part), { recursive: true });
    return restored;
  } finally {
    await store.close();
  }
}

async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length > 0)
    throw new RegistryError(
      "INVALID",
      `${folder}: expected a folder that is empty or not there, got one with ${names.slice(0, 3).join(", ")}`,
    );
}
