import type { KeyObject } from "node:crypto";
import { EvidenceError } from "../errors.ts";
import type { KeyAlgorithm } from "./signer.ts";

interface Algorithm {
  /** As node:crypto names the curve; absent for Ed25519, which has one. */
  readonly curve?: string;
  /** What is signed is this hash of the message; absent for Ed25519, which signs the message. */
  readonly hash?: "sha256" | "sha384" | "sha512";
  /** Of a signature as r and s side by side. */
  readonly rawBytes: number;
}

/** Every algorithm that signs here, in the order in which they are listed to people. */
export const algorithms: Readonly<Record<KeyAlgorithm, Algorithm>> = {
  ed25519: { rawBytes: 64 },
  "ecdsa-p256": { curve: "prime256v1", hash: "sha256", rawBytes: 64 },
  "ecdsa-p384": { curve: "secp384r1", hash: "sha384", rawBytes: 96 },
  "ecdsa-p521": { curve: "secp521r1", hash: "sha512", rawBytes: 132 },
};

export const keyAlgorithms = Object.keys(algorithms) as readonly KeyAlgorithm[];

/** Of a public or private key. Throws INVALID_KEY for kinds that do not sign here. */
export function algorithmOf(key: KeyObject, where: string): KeyAlgorithm {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const found = keyAlgorithms.find((name) =>
    name === "ed25519" ? key.asymmetricKeyType === "ed25519" : curve === algorithms[name].curve,
  );
  if (found !== undefined) return found;
  const got = [key.asymmetricKeyType, curve].filter((each) => each !== undefined).join(" ");
  throw new EvidenceError("INVALID_KEY", `${where}: expected a key of ${keyAlgorithms.join(", ")}, got ${got}`);
}
