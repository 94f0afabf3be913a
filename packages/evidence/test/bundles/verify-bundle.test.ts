import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { bundleOf, parseBundle } from "../../src/bundles/bundle.ts";
import { parseCertificates, verifyCertificateChain } from "../../src/bundles/certificates.ts";
import { parseTrustedRoot } from "../../src/bundles/keyless.ts";
import { verifyAttestation, verifyBundle } from "../../src/bundles/verify-bundle.ts";
import { EvidenceError } from "../../src/errors.ts";
import { addKey, revokeKey } from "../../src/keys/key-ring.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import { parsePublicKey } from "../../src/keys/public-key.ts";
import { signStatement, statementOf, subjectOf } from "../../src/statements/statement.ts";

const vectors = join(import.meta.dirname, "../vectors");
const read = (...path: string[]): Buffer => readFileSync(join(vectors, ...path));
const folder = mkdtempSync(join(tmpdir(), "casemate-bundles-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const now = new Date("2026-11-23T00:00:00Z");
const roots = parseCertificates(read("model-transparency/ca-cert.pem").toString());
const key = parsePublicKey(read("model-transparency/signing-key-pub.pem").toString());
const root = parseTrustedRoot(read("root-signing/trusted_root.json"));
const sigstore = {
  type: "keyless",
  root,
  identity: "stefanb@us.ibm.com",
  issuer: "https://sigstore.verify.ibm.com/oauth2",
} as const;

const own = (curve = "prime256v1") => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");
};
const statement = statementOf([subjectOf("model", "m.onnx", "ab".repeat(32))], "https://example.com/p", { a: 1 });

describe("a bundle by a key", () => {
  const signer = own();
  const made = signStatement(statement, [signer]).then((envelope) => bundleOf(envelope, signer.publicKey));

  test("is written in version 0.3, read back and verified", async () => {
    const { json } = await made;
    const bundle = parseBundle(Buffer.from(JSON.stringify(json)));
    expect(bundle).toEqual(await made);
    expect(json).toMatchObject({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: signer.publicKey.id }, tlogEntries: [] },
    });
    const verified = verifyAttestation(bundle, { type: "keys", keys: [signer.publicKey] });
    expect(verified).toMatchObject({ statement, signedBy: { type: "key", id: signer.publicKey.id } });
  });

  test("names the stranger who signed it", async () => {
    const stranger = own().publicKey;
    const verify = async () => verifyBundle(await made, { type: "keys", keys: [stranger] });
    await expect(verify()).rejects.toMatchObject({
      code: "UNTRUSTED_SIGNER",
      message: expect.stringContaining(signer.publicKey.id),
    });
  });

  test("counts by a key ring as long as its key does", async () => {
    const ring = addKey({ keys: [] }, signer.publicKey, { name: "team", validFrom: new Date("2026-01-01T00:00:00Z") });
    const bundle = await made;
    expect(verifyBundle(bundle, { type: "ring", ring, at: now }).signedBy).toMatchObject({ name: "team" });
    const revoked = revokeKey(ring, signer.publicKey.id, new Date("2026-06-01T00:00:00Z"), "stolen");
    expect(() => verifyBundle(bundle, { type: "ring", ring: revoked, at: now })).toThrow(
      /key team was revoked as of .*: stolen/,
    );
    expect(() => verifyBundle(bundle, { type: "ring", ring: { keys: [] }, at: now })).toThrow(/is not in the key ring/);
  });

  test("is not taken for one by a certificate or an identity", async () => {
    const bundle = await made;
    expect(() => verifyBundle(bundle, { type: "certificates", roots, at: now })).toThrow(
      /expected a signature by a certificate chain, got one by a key/,
    );
    expect(() => verifyBundle(bundle, sigstore)).toThrow(
      /expected a signature by an identity of Sigstore, got one by a key/,
    );
  });
});

describe("bundles that model_signing made", () => {
  test.each(["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"])("%s: key", (version) => {
    const bundle = parseBundle(read(`model-transparency/${version}-elliptic-key/model.sig`));
    expect(verifyBundle(bundle, { type: "keys", keys: [key] }).signedBy).toEqual({ type: "key", id: key.id });
  });

  test.each(["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"])("%s: certificate", (version) => {
    const bundle = parseBundle(read(`model-transparency/${version}-certificate/model.sig`));
    expect(verifyBundle(bundle, { type: "certificates", roots, at: now }).signedBy).toMatchObject({
      subject: "CN=intermediate-ca",
    });
  });

  test.each(["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"])("%s: identity of Sigstore, without a network", (version) => {
    const bundle = parseBundle(read(`model-transparency/${version}-sigstore/model.sig`));
    const verified = verifyBundle(bundle, sigstore);
    expect(verified.signedOn!.getFullYear()).toBe(2025);
  });
});

describe("a keyless bundle", () => {
  const bytes = read("model-transparency/v1.1.0-sigstore/model.sig");
  const changed = (change: (json: { [name: string]: never }) => void) => {
    const json = JSON.parse(bytes.toString());
    change(json);
    return parseBundle(Buffer.from(JSON.stringify(json)));
  };

  test.each([
    ["another identity", { identity: "somebody@us.ibm.com" }],
    ["a pattern in place of an identity", { identity: ".*" }],
    ["a part of the identity", { identity: "stefanb@us.ibm" }],
    ["another issuer", { issuer: "https://accounts.google.com" }],
  ])("does not count for %s", (_, other) => {
    expect(() => verifyBundle(parseBundle(bytes), { ...sigstore, ...other })).toThrow(
      expect.objectContaining({ code: "UNTRUSTED_SIGNER" }),
    );
  });

  test("with another payload is refused", () => {
    const bundle = changed(({ dsseEnvelope }) => {
      (dsseEnvelope as { payload: string }).payload = Buffer.from("{}").toString("base64");
    });
    expect(() => verifyBundle(bundle, sigstore)).toThrow(expect.objectContaining({ code: "INVALID_SIGNATURE" }));
  });

  test("with a second thing that could be what was signed is refused", () => {
    const messageSignature = { messageDigest: { algorithm: "SHA2_256", digest: "AAAA" }, signature: "AAAA" };
    expect(() => changed((json) => Object.assign(json, { messageSignature }))).toThrow(/messageSignature/);
  });

  test("with an entry of another time is refused", () => {
    const bundle = changed(({ verificationMaterial }) => {
      (verificationMaterial as { tlogEntries: [{ integratedTime: string }] }).tlogEntries[0].integratedTime =
        "1760062341";
    });
    expect(() => verifyBundle(bundle, sigstore)).toThrow(expect.objectContaining({ code: "INVALID_SIGNATURE" }));
  });
});

describe("the vectors of the Model Signing specification", () => {
  test.each(["key", "certificate", "sigstore"])("valid/%s is read", (name) => {
    expect(parseBundle(read(`model-signing-spec/valid/${name}.bundle.json`)).envelope.signatures).toHaveLength(1);
  });

  test.each(["empty", "missing-envelope", "missing-tlog-entries", "missing-verification-material"])(
    "invalid/%s is refused",
    (name) => {
      expect(() => parseBundle(read(`model-signing-spec/invalid/${name}.bundle.json`))).toThrow(
        expect.objectContaining({ code: "MALFORMED" }),
      );
    },
  );

  test("the valid ones verify", () => {
    const of = (name: string) => parseBundle(read(`model-signing-spec/valid/${name}.bundle.json`));
    expect(verifyBundle(of("key"), { type: "keys", keys: [key] }).signedBy.type).toBe("key");
    expect(verifyBundle(of("certificate"), { type: "certificates", roots, at: now }).signedBy.type).toBe("certificate");
    expect(verifyBundle(of("sigstore"), sigstore).signedBy.type).toBe("identity");
  });
});

describe("Sigstore's conformance tests", () => {
  const folder = join(vectors, "sigstore-conformance");
  const verify = (name: string) => {
    const own = (file: string) => join(folder, name, file);
    const pinned = existsSync(own("trusted_root.json"))
      ? readFileSync(own("trusted_root.json"))
      : read("root-signing/trusted_root.json");
    return verifyAttestation(parseBundle(readFileSync(own("bundle.sigstore.json"))), {
      type: "keyless",
      root: parseTrustedRoot(pinned),
      identity:
        "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
      issuer: "https://token.actions.githubusercontent.com",
    });
  };

  test.each(readdirSync(folder))("%s", (name) => {
    if (name.endsWith("_fail")) expect(() => verify(name)).toThrow(EvidenceError);
    else expect(verify(name).statement.subject[0]!.digest.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("a chain of certificates", () => {
  // made by OpenSSL: root → issuing → leaf, and leaves with one fault each
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const extensions = {
    ca: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign",
    shortCa: "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign",
    leaf: "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
    codeSigning: "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=codeSigning",
    encipher: "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment",
    named:
      "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nnameConstraints=critical,permitted;DNS:example.com",
  };
  writeFileSync(join(folder, "plain.cnf"), "[req]\ndistinguished_name = name\n[name]\n"); // nothing that is not asked for
  const make = (name: string, by: string | undefined, form: keyof typeof extensions, more = ["-sha256"]): Buffer => {
    const key = more.includes("-key")
      ? []
      : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
    const issuer = by === undefined ? [] : ["-CA", `${by}.pem`, "-CAkey", `${by}.key`];
    const wanted = extensions[form].split("\n").flatMap((line) => ["-addext", line]);
    const subject = ["-config", "plain.cnf", "-subj", `/CN=${name}`, "-days", "30"];
    openssl("req", "-x509", ...key, ...subject, ...issuer, ...wanted, ...more, "-out", `${name}.pem`);
    return parseCertificates(readFileSync(join(folder, `${name}.pem`), "utf8"))[0]!.raw;
  };
  const rootDer = make("root", undefined, "ca");
  const issuing = make("issuing", "root", "ca");
  const short = make("short", "root", "shortCa");
  const below = make("below", "short", "ca");
  const trusted = parseCertificates(readFileSync(join(folder, "root.pem"), "utf8"));
  const soon = new Date(Date.now() + 3_600_000);

  test.each(["leaf", "codeSigning"] as const)("with the use %s is followed to its root", (form) => {
    const leaf = make(`good-${form}`, "issuing", form);
    expect(verifyCertificateChain([leaf, issuing], trusted, soon).subject).toBe(`CN=good-${form}`);
    expect(verifyCertificateChain([leaf, rootDer, issuing], trusted, soon).subject).toBe(`CN=good-${form}`); // in any order, with the root
  });

  test.each([
    ["leaves out who issued it", () => [make("orphan", "issuing", "leaf")], /leads to none of 1 trusted roots/],
    ["may not sign", () => [make("encipher", "issuing", "encipher"), issuing], /may not sign/],
    [
      "was issued by a leaf",
      () => [
        make("child", "good-leaf", "leaf"),
        parseCertificates(readFileSync(join(folder, "good-leaf.pem"), "utf8"))[0]!.raw,
        issuing,
      ],
      /leads to none/,
    ],
    ["is longer than its issuer allows", () => [make("deep", "below", "leaf"), below, short], /leads to none/],
    [
      "has constraints that are not understood",
      () => [make("named", "issuing", "named"), issuing],
      /critical extensions that are not understood: 2.5.29.30/,
    ],
    ["is signed by way of SHA-1", () => [make("weak", "issuing", "leaf", ["-sha1"]), issuing], /MD5 or SHA-1/],
    ["is by a stranger of the same name", () => [make("stranger", "root", "leaf"), issuing], undefined],
  ] as const)("that %s", (_, chain, reason) => {
    if (reason === undefined) expect(verifyCertificateChain(chain(), trusted, soon).subject).toBe("CN=stranger");
    else expect(() => verifyCertificateChain(chain(), trusted, soon)).toThrow(reason);
  });

  test("is given up where certificates vouch for each other without end", () => {
    // certificates of one name and one key: each issues each
    make("loop", undefined, "ca");
    const loop = Array.from({ length: 12 }, (_, index) =>
      make("loop", undefined, "ca", ["-key", "loop.key", "-set_serial", `${index + 1}`]),
    );
    const leaf = make("looped", "loop", "leaf");
    // every path through them would take hours
    expect(() => verifyCertificateChain([leaf, ...loop], trusted, soon)).toThrow(/leads to none of 1 trusted roots/);
  });

  test("counts within its period only", () => {
    const leaf = make("timed", "issuing", "leaf");
    expect(() => verifyCertificateChain([leaf, issuing], trusted, new Date("2020-01-01"))).toThrow(
      /is not valid before/,
    );
    expect(() => verifyCertificateChain([leaf, issuing], trusted, new Date("2099-01-01"))).toThrow(/was valid until/);
  });
});

test("whatever the bytes of a bundle, it is read or refused by an EvidenceError", () => {
  const texts = ["v1.1.0-certificate", "v1.1.0-elliptic-key", "v1.1.0-sigstore"].map((name) =>
    read(`model-transparency/${name}/model.sig`).toString(),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat(),
      fc.string({ maxLength: 3 }),
      fc.nat(20),
      (text, place, put, cut) => {
        const at = place % text.length;
        try {
          const bundle = parseBundle(Buffer.from(text.slice(0, at) + put + text.slice(at + cut)));
          for (const trust of [
            { type: "keys", keys: [key] },
            { type: "certificates", roots, at: now },
          ] as const) {
            try {
              verifyBundle(bundle, trust);
            } catch (error) {
              expect(error).toBeInstanceOf(EvidenceError);
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(EvidenceError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test.each([
  ["nested too deeply", `${"[".repeat(40)}${"]".repeat(40)}`, /nested deeper than 32/],
  ["not text", "\uD800", /expected JSON/],
  ["of another format", '{"mediaType":"application/json"}', /bundle: /],
])("a bundle that is %s is refused", (_, text, reason) => {
  expect(() => parseBundle(Buffer.from(text))).toThrow(reason);
});
