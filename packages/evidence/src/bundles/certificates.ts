import { X509Certificate } from "node:crypto";
import { X509Certificate as ParsedCertificate } from "@sigstore/core";
import { EvidenceError } from "../errors.ts";
import { readSmallFile } from "../read-file.ts";

const MAXIMUM_CHAIN = 8;
const MAXIMUM_STEPS = 100; // among certificates that all vouch for each other, paths without end could be tried
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const KNOWN_EXTENSIONS = new Set(["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"]);
const WEAK_SIGNATURES = new Set(["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"]); // MD5 and SHA-1

/** Certificates in PEM, in the order of the file. Throws INVALID_KEY. */
export function parseCertificates(pem: string, where = "certificates"): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > 1000) {
    throw new EvidenceError("INVALID_KEY", `${where}: expected 1 to 1000 certificates in PEM, got ${blocks.length}`);
  }
  return blocks.map((block) => certificateOf(block, where));
}

/** Certificates of a PEM file. Throws NOT_READABLE, INVALID_KEY. */
export async function readCertificates(path: string): Promise<readonly X509Certificate[]> {
  return parseCertificates((await readSmallFile(path, 4 * 2 ** 20)).toString("utf8"), path);
}

/**
 * The first certificate of a chain, if one of `roots` vouches for it at the time `at`: signatures, periods, rights to issue, path
 * lengths, and that it may sign (digitalSignature, or code signing). A critical extension that is not understood refuses the chain.
 * Throws UNTRUSTED_SIGNER.
 */
export function verifyCertificateChain(
  chain: readonly Uint8Array[],
  roots: readonly X509Certificate[],
  at: Date,
): X509Certificate {
  const [leaf, ...between] = chain.slice(0, 16).map((der) => certificateOf(der, "certificate of the bundle"));
  if (leaf === undefined) throw new EvidenceError("UNTRUSTED_SIGNER", "certificate chain: there is none");
  assertUsable(leaf, at);
  if (!maySign(leaf)) throw refuse(leaf, "may not sign: neither digitalSignature nor code signing is among its uses");
  const isRoot = (certificate: X509Certificate): boolean => roots.some(({ raw }) => raw.equals(certificate.raw));
  let steps = 0;
  const reaches = (certificate: X509Certificate, path: readonly X509Certificate[]): boolean => {
    if (isRoot(certificate)) return true;
    if (path.length >= MAXIMUM_CHAIN || ++steps > MAXIMUM_STEPS) return false;
    return [...roots, ...between].some(
      (issuer) =>
        !path.includes(issuer) &&
        isIssuedBy(certificate, issuer) &&
        mayIssue(issuer, path.length - 1, at) &&
        reaches(issuer, [...path, issuer]),
    );
  };
  if (!reaches(leaf, [leaf]))
    throw refuse(leaf, `leads to none of ${roots.length} trusted roots at ${at.toISOString()}`);
  return leaf;
}

function certificateOf(bytes: string | Uint8Array, where: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw new EvidenceError("INVALID_KEY", `${where}: expected an X.509 certificate`);
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** `below` is how many certificates that issue stand between this one and the signer's. */
function mayIssue(issuer: X509Certificate, below: number, at: Date): boolean {
  try {
    assertUsable(issuer, at);
    const { mayCertify, pathLength } = constraintsOf(issuer);
    return issuer.ca && mayCertify && (pathLength === undefined || BigInt(below) <= pathLength);
  } catch {
    return false;
  }
}

function maySign(certificate: X509Certificate): boolean {
  return constraintsOf(certificate).maySign || (certificate.keyUsage ?? []).includes(CODE_SIGNING);
}

function assertUsable(certificate: X509Certificate, at: Date): void {
  const [from, until] = [certificate.validFrom, certificate.validTo].map(Date.parse) as [number, number];
  if (!(at.getTime() >= from)) throw refuse(certificate, `is not valid before ${certificate.validFrom}`);
  if (!(at.getTime() <= until)) throw refuse(certificate, `was valid until ${certificate.validTo}`);
  const { strange, signature } = constraintsOf(certificate);
  if (strange.length > 0) {
    throw refuse(certificate, `has critical extensions that are not understood: ${strange.join(", ")}`);
  }
  if (WEAK_SIGNATURES.has(signature)) throw refuse(certificate, "is signed by way of MD5 or SHA-1");
}

interface Constraints {
  /** Critical extensions that nothing here checks. */
  readonly strange: readonly string[];
  /** OID of the algorithm that it is signed by. */
  readonly signature: string;
  readonly maySign: boolean;
  readonly mayCertify: boolean;
  readonly pathLength: bigint | undefined;
}

/** What node:crypto does not tell of a certificate. */
function constraintsOf(certificate: X509Certificate): Constraints {
  try {
    const { extensions, extKeyUsage, extBasicConstraints, root } = ParsedCertificate.parse(
      Buffer.from(certificate.raw),
    );
    const critical = extensions.filter(({ subs }) => subs.length > 2).map(({ subs }) => subs[0]!.toOID());
    return {
      strange: critical.filter((oid) => !KNOWN_EXTENSIONS.has(oid)),
      signature: root.subs[1]!.subs[0]!.toOID(),
      maySign: extKeyUsage?.digitalSignature === true,
      mayCertify: extKeyUsage === undefined || extKeyUsage.keyCertSign,
      pathLength: extBasicConstraints?.pathLenConstraint,
    };
  } catch {
    throw refuse(certificate, "has a form that cannot be read");
  }
}

function refuse({ subject }: X509Certificate, why: string): EvidenceError {
  return new EvidenceError("UNTRUSTED_SIGNER", `certificate of ${subject.replaceAll("\n", ", ").slice(0, 200)} ${why}`);
}
