import { join, resolve } from "node:path";
import type { Blobs } from "./blobs.ts";
import { openEmbeddedRows } from "./embedded/open-rows.ts";
import { storeErrorOf } from "./files/errors.ts";
import { clearIncoming, openFileBlobs } from "./files/file-blobs.ts";
import { makeFolders } from "./files/folders.ts";
import { migrate } from "./migrate.ts";
import { openPostgresRows } from "./postgres/open-rows.ts";
import { openS3Blobs } from "./s3/s3-blobs.ts";
import type { S3Location } from "./s3/s3-location.ts";
import type { Dialect, Migration, Rows, Store } from "./store.ts";

/**
 * Where rows and blobs live: all in a folder of this machine, or rows on PostgreSQL (`postgres://…`) and blobs in a folder that all processes
 * see, or in a bucket.
 */
export type Location =
  | { readonly folder: string }
  | { readonly postgres: string; readonly blobs: { readonly folder: string } | { readonly s3: S3Location } };

export interface StoreOptions {
  readonly now?: () => number;
  /** In [0, 1): PostgreSQL's attempts are spread by it. */
  readonly random?: () => number;
}

/** Opens a store and brings its tables up to date. Throws what `migrate` throws, CORRUPT, FULL and UNREACHABLE. */
export async function openStore<Tables>(
  location: Location,
  migrations: readonly Migration[],
  { now = Date.now, random = Math.random }: StoreOptions = {},
): Promise<Store<Tables>> {
  const blobs = await openBlobs(
    "postgres" in location ? location.blobs : { folder: join(location.folder, "blobs") },
    now(),
  );
  const [dialect, rows]: [Dialect, Rows<Tables>] =
    "postgres" in location
      ? ["postgres", openPostgresRows<Tables>(location.postgres, { random })]
      : ["sqlite", await openEmbeddedRows<Tables>(join(location.folder, "casemate.db"))];
  const { reads, write, snapshot, migrating, close } = rows;
  try {
    await migrating((transaction) => migrate(transaction, dialect, migrations, now));
  } catch (error) {
    await close();
    throw error;
  }
  return { dialect, rows: reads, blobs, write, snapshot, close };
}

async function openBlobs(
  place: { readonly folder: string } | { readonly s3: S3Location },
  now: number,
): Promise<Blobs> {
  if ("s3" in place) return await openS3Blobs(place.s3, now);
  try {
    await makeFolders(resolve(place.folder), 0o700);
    await clearIncoming(place.folder, now);
  } catch (cause) {
    throw storeErrorOf(cause, place.folder);
  }
  return openFileBlobs(place.folder);
}
