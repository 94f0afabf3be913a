export type DefenseErrorCode = "INVALID_OPTION" | "SHAPE_MISMATCH" | "UNSUPPORTED_MODEL" | "BAD_CHECKPOINT";

/** A defence that was asked for what it cannot do, or on a model that it cannot stand before. */
export class DefenseError extends Error {
  override readonly name = "DefenseError";
  readonly code: DefenseErrorCode;

  constructor(code: DefenseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
