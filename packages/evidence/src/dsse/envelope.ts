import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import { isSignedBy } from "../keys/public-key.ts";
import type { PublicKey, Signer } from "../keys/signer.ts";

/** A DSSE envelope (https://github.com/secure-systems-lab/dsse, v1.0): a payload in base64 and signatures over its PAE. */
export interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** What an envelope holds, after its signatures were verified. */
export interface VerifiedPayload {
  readonly payload: Buffer;
  readonly payloadType: string;
  /** The keys that signed, each once. */
  readonly signers: readonly PublicKey[];
}

export interface VerifyEnvelopeOptions {
  /** How many different keys must have signed. */
  readonly threshold?: number;
}

const MAXIMUM_SIGNATURES = 64;

/** DSSE's pre-authentication encoding: the bytes that are signed, so that the type cannot be exchanged under a signature. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, "utf8");
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

/** Signs a payload with each signer, in order. Throws SIGNER_FAILED. */
export async function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly Signer[],
): Promise<Envelope> {
  const message = preAuthenticationEncoding(payloadType, payload);
  const signatures: Envelope["signatures"][number][] = [];
  for (const signer of signers) {
    const signature = await signer.sign(message);
    signatures.push({ keyid: signer.publicKey.id, sig: Buffer.from(signature).toString("base64") });
  }
  return { payload: Buffer.from(payload).toString("base64"), payloadType, signatures };
}

/**
 * The payload, if enough of `keys` signed it; `keyid` is a hint that decides nothing. Throws MALFORMED where the envelope is not base64
 * and INVALID_SIGNATURE where fewer than `threshold` keys signed.
 */
export function verifyEnvelope(
  envelope: Envelope,
  keys: readonly PublicKey[],
  { threshold = 1 }: VerifyEnvelopeOptions = {},
): VerifiedPayload {
  if (!(Number.isInteger(threshold) && threshold >= 1)) {
    throw new EvidenceError("INVALID_OPTION", `threshold: expected a whole number from 1, got ${threshold}`);
  }
  if (envelope.signatures.length > MAXIMUM_SIGNATURES) {
    throw new EvidenceError("MALFORMED", `envelope: expected at most ${MAXIMUM_SIGNATURES} signatures`);
  }
  const payload = decodeBase64(envelope.payload, "payload of the envelope");
  const message = preAuthenticationEncoding(envelope.payloadType, payload);
  const signatures = envelope.signatures.map(({ sig }, index) =>
    decodeBase64(sig, `signature ${index} of the envelope`),
  );
  const unique = [...new Map(keys.map((key) => [key.id, key])).values()];
  const signers = unique.filter((key) => signatures.some((signature) => isSignedBy(key, message, signature)));
  if (signers.length < threshold) {
    const expected = `${threshold} of ${unique.length} trusted ${unique.length === 1 ? "key" : "keys"}`;
    throw new EvidenceError("INVALID_SIGNATURE", `envelope: expected signatures by ${expected}, got ${signers.length}`);
  }
  return { payload, payloadType: envelope.payloadType, signers };
}
