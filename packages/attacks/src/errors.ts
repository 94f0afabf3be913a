export type AttackErrorCode =
  | "INVALID_OPTION"
  | "SHAPE_MISMATCH"
  | "OUT_OF_BOUNDS"
  | "UNSUPPORTED_THREAT"
  | "UNSUPPORTED_MODEL"
  | "ENDPOINT_FAILED";

/** An attack that was asked for what it cannot do. What goes wrong with single samples is in their status instead. */
export class AttackError extends Error {
  override readonly name = "AttackError";
  readonly code: AttackErrorCode;

  constructor(code: AttackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
