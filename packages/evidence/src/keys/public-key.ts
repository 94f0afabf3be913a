import { createHash, createPublicKey, type KeyObject, type VerifyKeyObjectInput, verify } from "node:crypto";
import { EvidenceError } from "../errors.ts";
import { readSmallFile } from "../read-file.ts";
import { algorithmOf, algorithms } from "./algorithms.ts";
import type { PublicKey } from "./signer.ts";

export const MAXIMUM_PEM_BYTES = 65_536;

/** The key that verifies what `key` signs; of a private key nothing but its public half is kept. Throws INVALID_KEY. */
export function publicKeyOf(key: KeyObject, where = "key"): PublicKey {
  const algorithm = algorithmOf(key, where);
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return { id: createHash("sha256").update(pem).digest("hex"), algorithm, pem, key: publicKey };
}

/** From PEM (SubjectPublicKeyInfo). Refuses a private key: whoever verifies has no business with one. Throws INVALID_KEY. */
export function parsePublicKey(pem: string, where = "public key"): PublicKey {
  if (pem.length > MAXIMUM_PEM_BYTES) throw new EvidenceError("INVALID_KEY", `${where}: too long for a public key`);
  if (/PRIVATE KEY/.test(pem)) {
    throw new EvidenceError(
      "INVALID_KEY",
      `${where}: expected a public key, got a private key, which should not be there`,
    );
  }
  return publicKeyOf(publicKeyObject(pem, where), where);
}

/** From a PEM file. Throws NOT_READABLE, INVALID_KEY. */
export async function readPublicKey(path: string): Promise<PublicKey> {
  return parsePublicKey((await readSmallFile(path, MAXIMUM_PEM_BYTES)).toString("utf8"), path);
}

/** Whether `signature` is of `message`: DER for ECDSA, or r and s side by side, as some hardware gives them. */
export function isSignedBy({ algorithm, key }: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const { hash, rawBytes } = algorithms[algorithm];
  if (hash === undefined) return verifies(undefined, message, key, signature);
  return (
    verifies(hash, message, { key, dsaEncoding: "der" }, signature) ||
    (signature.length === rawBytes && verifies(hash, message, { key, dsaEncoding: "ieee-p1363" }, signature))
  );
}

function publicKeyObject(pem: string, where: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new EvidenceError("INVALID_KEY", `${where}: expected a public key in PEM`);
  }
}

/** `verify` of node:crypto, and false where OpenSSL throws on bytes that are no signature. */
export function verifies(
  hash: string | undefined,
  message: Uint8Array,
  key: KeyObject | VerifyKeyObjectInput,
  signature: Uint8Array,
): boolean {
  try {
    return verify(hash, message, key, signature);
  } catch {
    return false; // OpenSSL throws on some bytes that are no signature
  }
}
