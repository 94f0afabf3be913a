import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Transaction } from "kysely";
import type { Blobs } from "./blobs.ts";
import { openEmbeddedRows } from "./embedded/open-rows.ts";
import { clearIncoming, openFileBlobs } from "./files/file-blobs.ts";
import { migrate } from "./migrate.ts";
import { openPostgresRows } from "./postgres/open-rows.ts";
import type { Migration, Store } from "./store.ts";

/** Where rows and blobs live: all in a folder of this machine, or rows on PostgreSQL (`postgres://…`) and blobs in a folder that all processes see. */
export type Location =
  | { readonly folder: string }
  | { readonly postgres: string; readonly blobs: { readonly folder: string } };

export interface StoreOptions {
  readonly now?: () => number;
  /** In [0, 1): PostgreSQL's attempts are spread by it. */
  readonly random?: () => number;
}

/** Opens a store and brings its tables up to date. Throws what `migrate` throws, CORRUPT, FULL and UNREACHABLE. */
export async function openStore<Tables>(
  location: Location,
  migrations: readonly Migration[],
  options: StoreOptions = {},
): Promise<Store<Tables>> {
  return "postgres" in location
    ? await openPostgres(location, migrations, options)
    : await openEmbedded(location, migrations, options);
}

async function openEmbedded<Tables>(
  { folder }: { readonly folder: string },
  migrations: readonly Migration[],
  { now = Date.now }: StoreOptions,
): Promise<Store<Tables>> {
  const blobs = await openBlobs(join(folder, "blobs"), now());
  const { reads, writes } = openEmbeddedRows<Tables>(join(folder, "casemate.db"));
  const write: Store<Tables>["write"] = async (work) => await writes.transaction().execute(work);
  const close = async () => {
    await reads.destroy();
    await writes.destroy();
  };
  await closingOnError(close, () =>
    write((rows) => migrate(rows as unknown as Transaction<unknown>, "sqlite", migrations, now)),
  );
  return { dialect: "sqlite", rows: reads, blobs, write, close };
}

async function openPostgres<Tables>(
  { postgres, blobs: { folder } }: { readonly postgres: string; readonly blobs: { readonly folder: string } },
  migrations: readonly Migration[],
  { now = Date.now, random }: StoreOptions,
): Promise<Store<Tables>> {
  const blobs = await openBlobs(folder, now());
  const { rows, write, alone } = openPostgresRows<Tables>(postgres, random === undefined ? {} : { random });
  const close = async () => await rows.destroy();
  await closingOnError(close, () =>
    alone((transaction) => migrate(transaction as unknown as Transaction<unknown>, "postgres", migrations, now)),
  );
  return { dialect: "postgres", rows, blobs, write, close };
}

async function openBlobs(folder: string, now: number): Promise<Blobs> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await clearIncoming(folder, now);
  return openFileBlobs(folder);
}

async function closingOnError(close: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await close();
    throw error;
  }
}
