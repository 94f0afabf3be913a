import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseBundle } from "../src/bundles/bundle.ts";
import { parseCertificates, verifyCertificateChain } from "../src/bundles/certificates.ts";
import { parseTrustedRoot } from "../src/bundles/keyless.ts";
import { verifyAttestation } from "../src/bundles/verify-bundle.ts";
import { EvidenceError } from "../src/errors.ts";
import { parsePublicKey } from "../src/keys/public-key.ts";
import { manifestIn } from "../src/model-signing/manifest.ts";
import { isVersion02, manifestOfVersion02 } from "../src/model-signing/version-0-2.ts";
import { parseStatement } from "../src/statements/statement.ts";

// Bytes of others, changed at random: everything that reads them ends with a value or an EvidenceError.

const RUNS = 50_000;
const vectors = join(import.meta.dirname, "vectors");
const read = (...path: string[]): Buffer => readFileSync(join(vectors, ...path));
const roots = parseCertificates(read("model-transparency/ca-cert.pem").toString());
const keys = [parsePublicKey(read("model-transparency/signing-key-pub.pem").toString())];
const at = new Date("2026-11-23T00:00:00Z");
const identity = { identity: "stefanb@us.ibm.com", issuer: "https://sigstore.verify.ibm.com/oauth2" };
const trusts = [
  { type: "keys", keys },
  { type: "certificates", roots, at },
  { type: "keyless", root: parseTrustedRoot(read("root-signing/trusted_root.json")), ...identity },
] as const;

const changes = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8)), {
  minLength: 1,
  maxLength: 3,
});
function changed(bytes: Buffer, places: readonly (readonly [number, Uint8Array, number])[]): Buffer {
  return places.reduce((text, [place, put, cut]) => {
    const at = place % (text.length + 1);
    return Buffer.concat([text.subarray(0, at), put, text.subarray(at + cut)]);
  }, bytes);
}
function endsWell(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
  }
}

test.each(["v0.2.0-certificate", "v0.3.1-sigstore", "v1.0.0-certificate", "v1.1.0-elliptic-key", "v1.1.0-sigstore"])(
  "bundles like %s",
  (name) => {
    const bytes = read("model-transparency", name, "model.sig");
    fc.assert(
      fc.property(changes, (places) => {
        endsWell(() => {
          const bundle = parseBundle(changed(bytes, places));
          for (const trust of trusts) {
            endsWell(() =>
              isVersion02(bundle) ? manifestOfVersion02(bundle, trust) : verifyAttestation(bundle, trust),
            );
          }
        });
      }),
      { numRuns: RUNS / 10 },
    );
  },
);

test("certificates", () => {
  const [leaf, between] = ["signing-key-cert", "int-ca-cert"].map(
    (name) => parseCertificates(read(`model-transparency/${name}.pem`).toString())[0]!.raw,
  ) as [Buffer, Buffer];
  expect(verifyCertificateChain([leaf, between], roots, at).subject).toBe("CN=intermediate-ca");
  fc.assert(
    fc.property(changes, fc.boolean(), (places, isLeaf) => {
      const chain = isLeaf ? [changed(leaf, places), between] : [leaf, changed(between, places)];
      endsWell(() => verifyCertificateChain(chain, roots, at));
    }),
    { numRuns: RUNS },
  );
});

test("statements and manifests", () => {
  const { envelope } = parseBundle(read("model-signing-python/shards-sha256.sig"));
  const payload = Buffer.from(envelope.payload, "base64");
  fc.assert(
    fc.property(changes, (places) => endsWell(() => manifestIn(parseStatement(changed(payload, places))))),
    { numRuns: RUNS },
  );
});

test("trusted roots", () => {
  const bytes = read("root-signing/trusted_root.json");
  fc.assert(
    fc.property(changes, (places) => endsWell(() => parseTrustedRoot(changed(bytes, places)))),
    { numRuns: RUNS / 10 },
  );
});
