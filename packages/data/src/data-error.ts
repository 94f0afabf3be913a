export type DataErrorCode =
  | "MISSING_FILE"
  | "UNREADABLE_FILE"
  | "UNWRITABLE_FILE"
  | "UNSAFE_PATH"
  | "UNKNOWN_FORMAT"
  | "UNSUPPORTED_FORMAT"
  | "MALFORMED_FILE"
  | "LIMIT_EXCEEDED"
  | "EMPTY"
  | "MISSING_COLUMN"
  | "NOT_NUMERIC"
  | "NOT_FINITE"
  | "SHAPE_MISMATCH"
  | "BAD_LABEL"
  | "INVALID_OPTION";

/** Anything wrong with a data set: its files, its numbers, its labels or how it was asked for. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly code: DataErrorCode;

  constructor(code: DataErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
