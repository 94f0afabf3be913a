export type EvidenceErrorCode =
  | "MALFORMED"
  | "INVALID_KEY"
  | "INVALID_SIGNATURE"
  | "UNTRUSTED_SIGNER"
  | "DIGEST_MISMATCH"
  | "UNSAFE_PATH"
  | "INVALID_PROOF"
  | "INVALID_POLICY"
  | "SIGNER_FAILED"
  | "LOG_DAMAGED"
  | "NOT_READABLE"
  | "NOT_WRITABLE"
  | "IN_USE"
  | "INVALID_OPTION";

/** Anything wrong with a key, a signature, an attestation, a log or a policy. No message holds a private key. */
export class EvidenceError extends Error {
  override readonly name = "EvidenceError";
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
