import { createHash } from "node:crypto";
import type { Bundle, BundleFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { chunks } from "../../sources/source.ts";

const rules = rulesOf("oci", {
  "wrong-digest": {
    title: "Blob that is not what its digest says",
    severity: "critical",
    effect: "Whoever trusts the digest runs something else.",
  },
  "blob-not-listed": {
    title: "Blob without a valid name",
    severity: "medium",
    effect: "It is carried along, and nothing that is signed speaks of it.",
  },
});

const BLOB = /(?:^|\/)blobs\/([a-z0-9]+)\/([^/]+)$/;
const HASHES: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/** An OCI image layout (OCI image specification 1.1): every blob is held against its digest. Layers are scanned on their own. */
export const ociLayout: BundleFormat = {
  id: "oci",
  title: "OCI image layout",
  rules,
  detect: (names) => names.some((name) => /(^|\/)oci-layout$/.test(name)) && names.some((name) => BLOB.test(name)),
  async scan(bundle, context) {
    for (const name of bundle.names) await checkBlob(bundle, name, context);
  },
};

async function checkBlob(bundle: Bundle, name: string, context: ScanContext): Promise<void> {
  const [, algorithm = "", digest = ""] = BLOB.exec(name) ?? [];
  if (algorithm === "") return;
  if (HASHES[algorithm] !== digest.length || !/^[0-9a-f]+$/.test(digest)) {
    context.report(rules["blob-not-listed"], `expected a sha256 or sha512 digest, got '${algorithm}/${digest}'`, {
      entry: name,
    });
    return;
  }
  const blob = await bundle.open(name);
  if (!blob) return;
  const hash = createHash(algorithm);
  for (const chunk of chunks(blob)) hash.update(chunk);
  const found = hash.digest("hex");
  if (found !== digest)
    context.report(rules["wrong-digest"], `it has the ${algorithm} digest ${found}`, { entry: name });
}
