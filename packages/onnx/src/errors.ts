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
    super(printable(message), options);
    this.code = code;
  }
}

/** Names come from the model: what steers a terminal or turns text around is shown as its code, and length has an end. */
function printable(message: string): string {
  const shown = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
  return shown.replace(/[^\P{C}\n]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

const LONGEST_MESSAGE = 4000;
