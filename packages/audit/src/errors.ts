export type AuditErrorCode =
  | "INVALID_CONTRACT"
  | "CONTRACT_MISMATCH"
  | "INVALID_GATE"
  | "INVALID_DATA"
  | "INVALID_OPTION"
  | "INVALID_REPORT"
  | "MODEL_NOT_READABLE"
  | "MODEL_REFUSED"
  | "OUTPUT_NOT_WRITABLE"
  | "CHECK_FAILED"
  | "CHILD_CRASHED"
  | "INTERRUPTED";

/** Anything that keeps an audit from starting or from ending well. */
export class AuditError extends Error {
  override readonly name = "AuditError";
  readonly code: AuditErrorCode;

  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
