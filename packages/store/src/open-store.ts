import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Transaction } from "kysely";
import { openEmbeddedRows } from "./embedded/open-rows.ts";
import { clearIncoming, openFileBlobs } from "./files/file-blobs.ts";
import { migrate } from "./migrate.ts";
import type { Migration, Store } from "./store.ts";

/** Where rows and blobs live: a folder of this machine. */
export interface Location {
  readonly folder: string;
}

/** Opens a store and brings its tables up to date. Throws what `migrate` throws, CORRUPT, FULL and UNREACHABLE. */
export async function openStore<Tables>(
  { folder }: Location,
  migrations: readonly Migration[],
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<Store<Tables>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const blobFolder = join(folder, "blobs");
  await clearIncoming(blobFolder, now());
  const { reads, writes } = openEmbeddedRows<Tables>(join(folder, "casemate.db"));
  const write: Store<Tables>["write"] = async (work) => await writes.transaction().execute(work);
  const close = async () => {
    await reads.destroy();
    await writes.destroy();
  };
  try {
    await write(async (rows) => await migrate(rows as unknown as Transaction<unknown>, "sqlite", migrations, now));
  } catch (error) {
    await close();
    throw error;
  }
  return { dialect: "sqlite", rows: reads, blobs: openFileBlobs(blobFolder), write, close };
}
