import type { KeyObject } from "node:crypto";

/** Curves by the names that people give them; each has one hash: Ed25519 its own, P-256 SHA-256, P-384 SHA-384, P-521 SHA-512. */
export type KeyAlgorithm = "ed25519" | "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521";

/** A key that verifies. `id` is the SHA-256, in hex, of the PEM text of its SubjectPublicKeyInfo (OpenSSF Model Signing, `hint`). */
export interface PublicKey {
  readonly id: string;
  readonly algorithm: KeyAlgorithm;
  readonly pem: string;
  readonly key: KeyObject;
}

/** Whoever can sign: a key from a file, the environment, or a command outside. ECDSA signatures are DER. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Promise<Uint8Array>;
}
