import { decodeBase64 } from "../base64.ts";
import type { Bundle } from "../bundles/bundle.ts";
import { verifyCertificateChain } from "../bundles/certificates.ts";
import type { SignedBy, Trust } from "../bundles/verify-bundle.ts";
import { EvidenceError } from "../errors.ts";
import { algorithms } from "../keys/algorithms.ts";
import { publicKeyOf, verifies } from "../keys/public-key.ts";
import type { PublicKey } from "../keys/signer.ts";
import { parseStatement, statementPayloadType } from "../statements/statement.ts";
import { type ModelManifest, manifestOf } from "./manifest.ts";

// Release 0.2 of model_signing, which others have long left: files were subjects, and what was signed was not DSSE's encoding but, by a
// slip, text that held Python's way to print bytes. Read on request only.

const predicateType = "https://model_signing/Digests/v0.1";

/** Whether a bundle says that release 0.2 made it. */
export function isVersion02({ envelope }: Bundle): boolean {
  return decodeBase64(envelope.payload, "payload of the bundle").includes(`"${predicateType}"`);
}

/** The manifest in a bundle of release 0.2, if a key or a certificate that is trusted signed it. Throws as `verifyBundle`. */
export function manifestOfVersion02(
  bundle: Bundle,
  trust: Trust,
): { readonly manifest: ModelManifest; readonly signedBy: SignedBy } {
  const { envelope } = bundle;
  const payload = decodeBase64(envelope.payload, "payload of the bundle");
  const signature = decodeBase64(envelope.signatures[0]?.sig ?? "", "signature of the bundle");
  const message = Buffer.from(
    `DSSEV1 ${statementPayloadType.length} ${statementPayloadType} ${payload.length} ${printedByPython(payload)}`,
  );
  const { keys, signedBy } = signersOf(bundle, trust);
  // that release hashed with SHA-256 whatever the curve
  const key = keys.find((each) =>
    ["sha256", algorithms[each.algorithm].hash].some((hash) => verifies(hash, message, each.key, signature)),
  );
  if (key === undefined)
    throw new EvidenceError("INVALID_SIGNATURE", "bundle of release 0.2: not signed by a trusted key");
  const { subject, predicateType: type } = parseStatement(payload, envelope.payloadType);
  if (type !== predicateType)
    throw new EvidenceError("MALFORMED", `bundle of release 0.2: got a predicate of type ${type.slice(0, 200)}`);
  const resources = subject.map(({ name, digest: { sha256 } }) => {
    if (name !== undefined && /^[0-9a-f]{64}$/.test(sha256 ?? ""))
      return { name, digest: sha256!, algorithm: "sha256" };
    throw new EvidenceError("MALFORMED", "bundle of release 0.2: expected a name and a SHA-256 of each file");
  });
  const serialization = { method: "files", hash_type: "sha256", allow_symlinks: false } as const;
  return { manifest: manifestOf("model", resources, serialization), signedBy: signedBy(key) };
}

interface Signers {
  readonly keys: readonly PublicKey[];
  readonly signedBy: (key: PublicKey) => SignedBy;
}

function signersOf({ material }: Bundle, trust: Trust): Signers {
  if (trust.type === "keys" && material.type === "publicKey") {
    return {
      keys: trust.keys.filter(({ algorithm }) => algorithm !== "ed25519"),
      signedBy: ({ id }) => ({ type: "key", id }),
    };
  }
  if (trust.type === "certificates" && material.type === "certificateChain") {
    const { publicKey, subject, fingerprint256 } = verifyCertificateChain(material.certificates, trust.roots, trust.at);
    const signedBy = {
      type: "certificate",
      subject: subject.replaceAll("\n", ", "),
      fingerprint: fingerprint256,
    } as const;
    return { keys: [publicKeyOf(publicKey, "signer's certificate")], signedBy: () => signedBy };
  }
  throw new EvidenceError(
    "UNTRUSTED_SIGNER",
    "bundle of release 0.2: expected trust in a key or in certificates, as it is signed",
  );
}

/** As Python's repr() prints bytes. */
function printedByPython(bytes: Buffer): string {
  const quote = bytes.includes("'") && !bytes.includes('"') ? '"' : "'";
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    [quote]: `\\${quote}`,
  };
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const isPlain = byte >= 0x20 && byte < 0x7f;
    text += escapes[character] ?? (isPlain ? character : `\\x${byte.toString(16).padStart(2, "0")}`);
  }
  return `b${quote}${text}${quote}`;
}
