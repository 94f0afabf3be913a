import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseBundle } from "../../src/bundles/bundle.ts";
import { parseCertificates } from "../../src/bundles/certificates.ts";
import { parseTrustedRoot } from "../../src/bundles/keyless.ts";
import type { Trust } from "../../src/bundles/verify-bundle.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import { parsePublicKey } from "../../src/keys/public-key.ts";
import { manifestIn } from "../../src/model-signing/manifest.ts";
import { signModel } from "../../src/model-signing/sign-model.ts";
import { resultOf, type VerifyModelOptions, verifyModel } from "../../src/model-signing/verify-model.ts";
import { parseStatement } from "../../src/statements/statement.ts";

// Models that releases of model_signing have signed, and the vectors of the specification.

const vectors = join(import.meta.dirname, "../vectors");
const read = (...path: string[]): Buffer => readFileSync(join(vectors, ...path));
const trust: Record<string, Trust> = {
  "elliptic-key": { type: "keys", keys: [parsePublicKey(read("model-transparency/signing-key-pub.pem").toString())] },
  certificate: {
    type: "certificates",
    roots: parseCertificates(read("model-transparency/ca-cert.pem").toString()),
    at: new Date("2026-11-23T00:00:00Z"),
  },
  sigstore: {
    type: "keyless",
    root: parseTrustedRoot(read("root-signing/trusted_root.json")),
    identity: "stefanb@us.ibm.com",
    issuer: "https://sigstore.verify.ibm.com/oauth2",
  },
};
const cases = ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"].flatMap((version) =>
  Object.keys(trust).map((method) => [version, method] as const),
);
const SINGLE_FILES = ["v0.3.1-elliptic-key", "v1.0.0-elliptic-key"]; // whose one file goes by the name "."
const verify = (name: string, method: string, ignorePaths: readonly string[]) => {
  const folder = join(vectors, "model-transparency", name);
  const model = SINGLE_FILES.includes(name) ? join(folder, "signme-1") : folder;
  const signaturePath = join(folder, "model.sig");
  const bundle = parseBundle(readFileSync(signaturePath));
  return resultOf(verifyModel(model, bundle, trust[method]!, { signaturePath, ignorePaths }));
};

describe("model_signing", () => {
  test.each(cases)("%s: a model signed by %s verifies", async (version, method) => {
    const before = version < "v1.1.0"; // those releases did not record what was left out
    const verdict = await verify(`${version}-${method}`, method, before ? ["ignore-me"] : []);
    expect(verdict).toMatchObject({ verified: true, differences: [] });
    expect(verdict.manifest.serialization).toMatchObject({ method: "files", hash_type: "sha256" });
  });

  test("v0.2.0, whose signature is not DSSE, verifies on request only", async () => {
    const model = join(vectors, "model-transparency/v0.2.0-certificate");
    const signaturePath = join(model, "model.sig");
    const bundle = parseBundle(readFileSync(signaturePath));
    const check = (options: VerifyModelOptions, given = bundle) =>
      resultOf(verifyModel(model, given, trust.certificate!, { signaturePath, ...options }));
    await expect(check({})).rejects.toThrow(/made by model_signing 0.2, which is read on request only/);
    expect(await check({ allowVersion02: true })).toMatchObject({ verified: true, differences: [] });
    const payload = Buffer.from(bundle.envelope.payload, "base64").toString().replace("signme-2", "signme-3");
    const forged = { ...bundle, envelope: { ...bundle.envelope, payload: Buffer.from(payload).toString("base64") } };
    await expect(check({ allowVersion02: true }, forged)).rejects.toMatchObject({ code: "INVALID_SIGNATURE" });
  });

  test("a file that was left out without a record counts as added", async () => {
    const { verified, differences } = await verify("v1.0.1-elliptic-key", "elliptic-key", []);
    expect({ verified, differences }).toEqual({ verified: false, differences: [{ type: "extra", name: "ignore-me" }] });
  });
});

describe("model_signing 1.1.1, run from its source", () => {
  const key = parsePublicKey(read("model-signing-python/key.pub").toString());
  test.each([
    ["files", "model"],
    ["shards-sha256", "model"],
    ["shards-blake2", "model"],
    ["single-file", "model/weights.txt"],
    ["ours", "model"],
  ])("%s.sig verifies", async (name, path) => {
    const bundle = parseBundle(read(`model-signing-python/${name}.sig`));
    const model = join(vectors, "model-signing-python", path);
    expect(await resultOf(verifyModel(model, bundle, { type: "keys", keys: [key] }))).toMatchObject({ verified: true });
  });

  test("ours.sig, which it verified, is what is signed today", async () => {
    const { envelope } = parseBundle(read("model-signing-python/ours.sig"));
    const signer = signerFromPem(
      generateKeyPairSync("ec", { namedCurve: "prime256v1" })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
      "test",
    );
    const { bundle } = await resultOf(signModel(join(vectors, "model-signing-python", "model"), signer));
    expect(bundle.envelope.payload).toBe(envelope.payload);
  });
});

describe("the specification", () => {
  const manifest = (path: string) => {
    const { envelope } = parseBundle(read("model-signing-spec", path));
    return manifestIn(parseStatement(Buffer.from(envelope.payload, "base64"), envelope.payloadType));
  };

  test.each(["key", "certificate", "sigstore"])("valid/%s has a sound manifest", (name) => {
    expect(manifest(`valid/${name}.bundle.json`).resources.map((each) => each.name)).toEqual(["signme-1", "signme-2"]);
  });

  test("invalid-payload/wrong-predicate is refused", () => {
    expect(() => manifest("invalid-payload/wrong-predicate.bundle.json")).toThrow(
      /got https:\/\/example.com\/wrong-predicate\/v1.0/,
    );
  });
});
