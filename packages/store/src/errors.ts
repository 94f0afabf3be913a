export type StoreErrorCode =
  | "UNREACHABLE"
  | "FULL"
  | "CORRUPT"
  | "NOT_FOUND"
  | "DIGEST_MISMATCH"
  | "MIGRATION_FAILED"
  | "NEWER_SCHEMA"
  | "IN_USE"
  | "INVALID_OPTION";

/** Rows or blobs that cannot be read, written or trusted. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
