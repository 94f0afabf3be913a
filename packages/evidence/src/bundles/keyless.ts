import { createHash } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { preAuthenticationEncoding } from "../dsse/envelope.ts";
import { EvidenceError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { Bundle } from "./bundle.ts";

/** Who has to have signed: both are compared exactly, so that nobody else at the same provider counts. */
export interface KeylessIdentity {
  /** The subject alternative name of the certificate: an e-mail address, or the URI of a workflow. */
  readonly identity: string;
  /** The OpenID Connect provider that vouched for the identity. */
  readonly issuer: string;
}

/** The certificate authorities, logs and time stampers of a Sigstore instance, pinned: nothing is fetched. */
export type PinnedRoot = ReturnType<typeof toTrustMaterial>;

/** Reads a `trusted_root.json` of Sigstore, or the client's configuration around one. Throws MALFORMED. */
export function parseTrustedRoot(bytes: Uint8Array, where = "trusted root"): PinnedRoot {
  const json = parseJson(bytes, where, { bytes: 4 * 2 ** 20, depth: 16 });
  const { trustedRoot = json } = (json ?? {}) as { trustedRoot?: unknown };
  try {
    const root = TrustedRoot.fromJSON(trustedRoot);
    if (root.certificateAuthorities.length === 0 || root.tlogs.length === 0) throw new Error("no authorities");
    return toTrustMaterial(root);
  } catch (cause) {
    throw new EvidenceError("MALFORMED", `${where}: expected a trusted root of Sigstore with authorities and logs`, {
      cause,
    });
  }
}

/** What a keyless bundle holds, after it was verified. */
export interface KeylessPayload {
  readonly payload: Buffer;
  readonly payloadType: string;
  /** As the log proves it. */
  readonly signedOn?: Date;
}

/**
 * Verifies a keyless bundle without a network: certificate, its log, the entry in the transparency log, the signature, then identity
 * and issuer. What it returns is what was verified. Throws INVALID_SIGNATURE, UNTRUSTED_SIGNER, MALFORMED.
 */
export function verifyKeyless(
  { json }: Bundle,
  root: PinnedRoot,
  { identity, issuer }: KeylessIdentity,
): KeylessPayload {
  const { content, verificationMaterial, ...rest } = attempt("MALFORMED", () => bundleFromJSON(json));
  if (content.$case !== "dsseEnvelope") throw new EvidenceError("MALFORMED", "bundle: expected a dsseEnvelope");
  const { payload, payloadType } = content.dsseEnvelope;
  const signer = attempt("INVALID_SIGNATURE", () => {
    const entity = toSignedEntity({ content, verificationMaterial, ...rest });
    const { signature } = entity;
    // entries of Rekor's second version may hold the digest of what was signed in place of that of the payload
    const signed = createHash("sha256").update(preAuthenticationEncoding(payloadType, payload)).digest();
    const compareDigest = (digest: Buffer): boolean => signature.compareDigest(digest) || signed.equals(digest);
    return new Verifier(root).verify({
      ...entity,
      signature: {
        signature: signature.signature,
        compareSignature: (bytes) => signature.compareSignature(bytes),
        verifySignature: (key) => signature.verifySignature(key),
        compareDigest,
      },
    });
  });
  const got = signer.identity;
  if (got?.subjectAlternativeName !== identity || got.extensions?.issuer !== issuer) {
    throw new EvidenceError(
      "UNTRUSTED_SIGNER",
      `bundle: expected a signature by ${identity} of ${issuer}, got ${got?.subjectAlternativeName} of ${got?.extensions?.issuer}`,
    );
  }
  const times = verificationMaterial.tlogEntries
    .map((entry) => Number(entry.integratedTime))
    .filter((each) => each > 0);
  return { payload, payloadType, ...(times.length > 0 && { signedOn: new Date(Math.min(...times) * 1000) }) };
}

function attempt<T>(code: "MALFORMED" | "INVALID_SIGNATURE", work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EvidenceError(code, `bundle: ${reason}`, { cause });
  }
}
