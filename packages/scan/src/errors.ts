export type ScanErrorCode =
  | "MALFORMED"
  | "LIMIT_EXCEEDED"
  | "BOMB"
  | "TOO_DEEP"
  | "UNSUPPORTED"
  | "UNREADABLE"
  | "INVALID_OPTION";

/**
 * Something that cannot be scanned, or cannot be scanned to its end. Within a scan it becomes a finding of a rule
 * `file/…`; it reaches the caller only where the caller's own arguments are wrong.
 */
export class ScanError extends Error {
  override readonly name = "ScanError";
  readonly code: ScanErrorCode;

  constructor(code: ScanErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
