export { canonicalJson } from "./canonical-json.ts";
export type { Envelope } from "./dsse/envelope.ts";
export { EvidenceError, type EvidenceErrorCode } from "./errors.ts";
export type { KeyAlgorithm, PublicKey, Signer } from "./keys/signer.ts";
