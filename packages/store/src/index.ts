export { backUpStore } from "./backup/back-up-store.ts";
export { restoreStore } from "./backup/restore-store.ts";
export type { StoreBackup } from "./backup/store-backup.ts";
export type { BlobEntry, Blobs } from "./blobs.ts";
export { StoreError, type StoreErrorCode } from "./errors.ts";
export { type Location, openStore, type StoreOptions } from "./open-store.ts";
export type { S3Location } from "./s3/s3-location.ts";
export type { Dialect, Migration, Store } from "./store.ts";
export { verifyBlob } from "./verify-blob.ts";
