export { canonicalJson } from "./canonical-json.ts";
export {
  type Envelope,
  preAuthenticationEncoding,
  signEnvelope,
  type VerifiedPayload,
  type VerifyEnvelopeOptions,
  verifyEnvelope,
} from "./dsse/envelope.ts";
export { EvidenceError, type EvidenceErrorCode } from "./errors.ts";
export { keyAlgorithms } from "./keys/algorithms.ts";
export {
  addKey,
  type KeyPeriod,
  KeyRing,
  type KeyTrust,
  type KeyUse,
  parseKeyRing,
  type RingKey,
  type RotateOptions,
  revokeKey,
  rotateKey,
  trustedAt,
} from "./keys/key-ring.ts";
export {
  generateKey,
  type PrivateKeyOptions,
  signerFromEnvironment,
  signerFromFile,
  signerFromPem,
} from "./keys/private-key.ts";
export { isSignedBy, parsePublicKey, publicKeyOf, readPublicKey } from "./keys/public-key.ts";
export type { KeyAlgorithm, PublicKey, Signer } from "./keys/signer.ts";
export { type SignerCommandOptions, signerFromCommand } from "./keys/signer-command.ts";
