export type OnnxErrorCode =
  | "UNREADABLE_FILE"
  | "UNWRITABLE_FILE"
  | "MALFORMED_MODEL"
  | "UNSAFE_PATH"
  | "LIMIT_EXCEEDED"
  | "UNSUPPORTED_VERSION"
  | "UNSUPPORTED_OPERATOR"
  | "SHAPE_MISMATCH"
  | "RUNTIME_FAILURE";

/** Anything wrong with a model or with what is fed to it. */
export class OnnxError extends Error {
  override readonly name = "OnnxError";
  readonly code: OnnxErrorCode;

  constructor(code: OnnxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
