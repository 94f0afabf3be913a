export { backUpStore, restoreStore, type StoreBackup } from "./backup.ts";
export type { BlobEntry, Blobs } from "./blobs.ts";
export { StoreError, type StoreErrorCode } from "./errors.ts";
export { type Location, openStore, type StoreOptions } from "./open-store.ts";
export type { Dialect, Migration, Store } from "./store.ts";
