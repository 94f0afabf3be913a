import { createHash } from "node:crypto";
import Type, { type Static } from "typebox";
import { decodeBase64 } from "../base64.ts";
import type { Envelope } from "../dsse/envelope.ts";
import { EvidenceError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { PublicKey } from "../keys/signer.ts";
import { assertMeets } from "../violation.ts";

/** How a bundle says who signed. What it says is a hint until it is held against what the verifier trusts. */
export type VerificationMaterial =
  /** `hint` is the SHA-256 of the key's PEM text in hex, where the bundle names the key. */
  | { readonly type: "publicKey"; readonly hint?: string }
  /** DER, the signer's first, then who issued it. */
  | { readonly type: "certificateChain"; readonly certificates: readonly Buffer[] }
  /** A short-lived certificate of Sigstore, with proof of the time that it was used. */
  | { readonly type: "keyless" };

/** A Sigstore bundle: an envelope and what is needed to verify it. */
export interface Bundle {
  readonly envelope: Envelope;
  readonly material: VerificationMaterial;
  /** As it was read, for the verification of log entries and time stamps. */
  readonly json: unknown;
}

const Base64 = Type.String({ maxLength: 2 ** 16 });
const RawBytes = Type.Object({ rawBytes: Type.String({ minLength: 1, maxLength: 2 ** 16 }) });

const BundleJson = Type.Object({
  mediaType: Type.String({
    pattern: "^application/vnd\\.dev\\.sigstore\\.bundle(\\+json;version=0\\.[123]|\\.v0\\.3\\+json)$",
  }),
  verificationMaterial: Type.Object({
    publicKey: Type.Optional(
      Type.Object({
        hint: Type.Optional(Type.String({ maxLength: 1000 })),
        rawBytes: Type.Optional(Base64),
      }),
    ),
    x509CertificateChain: Type.Optional(
      Type.Object({ certificates: Type.Array(RawBytes, { minItems: 1, maxItems: 16 }) }),
    ),
    certificate: Type.Optional(RawBytes),
    tlogEntries: Type.Optional(Type.Array(Type.Object({}), { maxItems: 32 })),
    timestampVerificationData: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object({ rfc3161Timestamps: Type.Optional(Type.Array(Type.Object({}), { maxItems: 32 })) }),
      ]),
    ),
  }),
  messageSignature: Type.Optional(Type.Never()), // a reader might take it for what was signed
  dsseEnvelope: Type.Object({
    payload: Type.String({ minLength: 1 }),
    payloadType: Type.String({ minLength: 1, maxLength: 1000 }),
    signatures: Type.Array(
      Type.Object({
        sig: Type.String({ minLength: 1, maxLength: 2 ** 16 }),
        keyid: Type.Optional(Type.Union([Type.Null(), Type.String({ maxLength: 1000 })])),
      }),
      { minItems: 1, maxItems: 1 },
    ),
  }),
});
type BundleJson = Static<typeof BundleJson>;

const MAXIMUM_BUNDLE_BYTES = 256 * 2 ** 20; // a model of a million shards

/** Reads a bundle of version 0.1 to 0.3. Throws MALFORMED. */
export function parseBundle(bytes: Uint8Array, where = "bundle"): Bundle {
  const json = parseJson(bytes, where, { bytes: MAXIMUM_BUNDLE_BYTES, depth: 32 });
  assertMeets(BundleJson, json, where);
  const { dsseEnvelope, verificationMaterial, mediaType } = json as BundleJson;
  const signatures = dsseEnvelope.signatures.map(({ sig, keyid }) => ({ sig, keyid: keyid ?? "" }));
  const { payload, payloadType } = dsseEnvelope;
  const material = materialOf(verificationMaterial, /0\.[12]$/.test(mediaType), where);
  return { envelope: { payload, payloadType, signatures }, material, json };
}

/** A bundle of version 0.3 for a signature by a key or by the first of a chain of certificates. */
export function bundleOf(
  envelope: Envelope,
  signer: PublicKey | { readonly certificates: readonly Uint8Array[] },
): Bundle {
  const [signature, ...others] = envelope.signatures;
  if (signature === undefined || others.length > 0) {
    throw new EvidenceError(
      "INVALID_OPTION",
      `bundle: expected an envelope with one signature, got ${envelope.signatures.length}`,
    );
  }
  const single: Envelope = { ...envelope, signatures: [{ keyid: "", sig: signature.sig }] };
  const byCertificate = "certificates" in signer;
  const material: VerificationMaterial = byCertificate
    ? { type: "certificateChain", certificates: signer.certificates.map((each) => Buffer.from(each)) }
    : { type: "publicKey", hint: signer.id };
  const named = byCertificate
    ? {
        x509CertificateChain: {
          certificates: signer.certificates.map((each) => ({ rawBytes: Buffer.from(each).toString("base64") })),
        },
      }
    : { publicKey: { hint: signer.id } };
  const json = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { ...named, tlogEntries: [] },
    dsseEnvelope: single,
  };
  return { envelope: single, material, json };
}

function materialOf(given: BundleJson["verificationMaterial"], isOld: boolean, where: string): VerificationMaterial {
  const { publicKey, x509CertificateChain, certificate, tlogEntries = [] } = given;
  const refuse = (why: string): EvidenceError => new EvidenceError("MALFORMED", `${where}: ${why}`);
  const kinds = [publicKey, x509CertificateChain, certificate].filter((each) => each !== undefined).length;
  if (kinds !== 1) {
    throw refuse(`expected one of publicKey, x509CertificateChain and certificate, got ${kinds}`);
  }
  if (publicKey !== undefined) return { type: "publicKey", ...hintOf(publicKey, where) };
  if (certificate !== undefined || (isOld && tlogEntries.length > 0)) {
    if (tlogEntries.length === 0) throw refuse("expected an entry of a transparency log beside the certificate");
    return { type: "keyless" };
  }
  const certificates = x509CertificateChain!.certificates.map(({ rawBytes }) => decodeBase64(rawBytes, where));
  return { type: "certificateChain", certificates };
}

/** Bundles from before version 1.1 of model_signing hold the key itself; its digest is what later ones hold. */
function hintOf(
  { hint, rawBytes }: NonNullable<BundleJson["verificationMaterial"]["publicKey"]>,
  where: string,
): { readonly hint?: string } {
  if (hint !== undefined && hint !== "") return { hint };
  if (rawBytes === undefined) return {};
  return { hint: createHash("sha256").update(decodeBase64(rawBytes, where)).digest("hex") };
}
