import type { X509Certificate } from "node:crypto";
import { type VerifiedPayload, verifyEnvelope } from "../dsse/envelope.ts";
import { EvidenceError } from "../errors.ts";
import { type KeyRing, type KeyUse, trustedAt } from "../keys/key-ring.ts";
import { parsePublicKey, publicKeyOf } from "../keys/public-key.ts";
import type { PublicKey } from "../keys/signer.ts";
import { parseStatement, type Statement } from "../statements/statement.ts";
import type { Bundle } from "./bundle.ts";
import { verifyCertificateChain } from "./certificates.ts";
import { type KeylessIdentity, type PinnedRoot, verifyKeyless } from "./keyless.ts";

/** Whose signature counts. */
export type Trust =
  | { readonly type: "keys"; readonly keys: readonly PublicKey[] }
  /** `at` is when the signature is known to have been there: the present, unless somebody else proves an earlier time. */
  | { readonly type: "ring"; readonly ring: KeyRing; readonly at: Date; readonly use?: KeyUse }
  | { readonly type: "certificates"; readonly roots: readonly X509Certificate[]; readonly at: Date }
  | ({ readonly type: "keyless"; readonly root: PinnedRoot } & KeylessIdentity);

/** Who signed, as the verifier knows them. */
export type SignedBy =
  | { readonly type: "key"; readonly id: string; readonly name?: string }
  | { readonly type: "certificate"; readonly subject: string; readonly fingerprint: string }
  | ({ readonly type: "identity" } & KeylessIdentity);

export interface VerifiedBundle {
  readonly payload: Buffer;
  readonly payloadType: string;
  readonly signedBy: SignedBy;
  /** Where a log proves it. */
  readonly signedOn?: Date;
}

/** The payload of a bundle, if somebody who is trusted signed it. Throws INVALID_SIGNATURE, UNTRUSTED_SIGNER, MALFORMED. */
export function verifyBundle(bundle: Bundle, trust: Trust): VerifiedBundle {
  const { envelope, material } = bundle;
  switch (trust.type) {
    case "keys":
      return byKey(verifyEnvelope(envelope, candidates(bundle, trust.keys)), undefined);
    case "ring": {
      const { key, publicKey } = keyInRing(bundle, trust);
      return byKey(verifyEnvelope(envelope, [publicKey]), key.name);
    }
    case "certificates": {
      if (material.type !== "certificateChain") throw otherKind(bundle, "a certificate chain");
      const leaf = verifyCertificateChain(material.certificates, trust.roots, trust.at);
      const { payload, payloadType } = verifyEnvelope(envelope, [publicKeyOf(leaf.publicKey, "signer's certificate")]);
      const signedBy = {
        type: "certificate",
        subject: leaf.subject.replaceAll("\n", ", "),
        fingerprint: leaf.fingerprint256,
      } as const;
      return { payload, payloadType, signedBy };
    }
    case "keyless": {
      if (material.type !== "keyless") throw otherKind(bundle, "an identity of Sigstore");
      const { root, identity, issuer } = trust;
      return {
        ...verifyKeyless(bundle, root, { identity, issuer }),
        signedBy: { type: "identity", identity, issuer },
      };
    }
  }
}

/** The statement of a bundle, if somebody who is trusted signed it, and who that was. */
export function verifyAttestation(bundle: Bundle, trust: Trust): VerifiedBundle & { readonly statement: Statement } {
  const verified = verifyBundle(bundle, trust);
  return { ...verified, statement: parseStatement(verified.payload, verified.payloadType) };
}

function byKey({ payload, payloadType, signers: [key] }: VerifiedPayload, name: string | undefined): VerifiedBundle {
  return { payload, payloadType, signedBy: { type: "key", id: key!.id, ...(name !== undefined && { name }) } };
}

/** A key that the bundle names is the only one that is tried; so a stranger's key is named as such. */
function candidates(bundle: Bundle, keys: readonly PublicKey[]): readonly PublicKey[] {
  const { material } = bundle;
  if (material.type !== "publicKey") throw otherKind(bundle, "a key");
  const { hint } = material;
  if (hint === undefined || !isKeyId(hint)) return keys;
  const named = keys.filter(({ id }) => id === hint);
  if (named.length > 0) return named;
  throw new EvidenceError(
    "UNTRUSTED_SIGNER",
    `bundle: signed by key ${hint}, expected ${keys.map(({ id }) => id).join(" or ")}`,
  );
}

function keyInRing(bundle: Bundle, { ring, at, use }: Extract<Trust, { type: "ring" }>) {
  const { material } = bundle;
  if (material.type !== "publicKey") throw otherKind(bundle, "a key");
  const id = material.hint !== undefined && isKeyId(material.hint) ? material.hint : signerIn(bundle, ring);
  const trust = trustedAt(ring, id, at, use);
  if (!trust.trusted) throw new EvidenceError("UNTRUSTED_SIGNER", `bundle: ${trust.reason}`);
  return trust;
}

function signerIn({ envelope }: Bundle, { keys }: KeyRing): string {
  return verifyEnvelope(
    envelope,
    keys.map(({ publicKey }) => parsePublicKey(publicKey)),
  ).signers[0]!.id;
}

function isKeyId(hint: string): boolean {
  return /^[0-9a-f]{64}$/.test(hint);
}

function otherKind({ material }: Bundle, expected: string): EvidenceError {
  const got = { publicKey: "a key", certificateChain: "a certificate chain", keyless: "an identity of Sigstore" }[
    material.type
  ];
  return new EvidenceError("UNTRUSTED_SIGNER", `bundle: expected a signature by ${expected}, got one by ${got}`);
}
