import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleOf, parseBundle } from "../../src/bundles/bundle.ts";
import { EvidenceError } from "../../src/errors.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import {
  type HashAlgorithm,
  type ModelResource,
  manifestIn,
  manifestOf,
  shardOf,
  statementOfModel,
} from "../../src/model-signing/manifest.ts";
import { type SignModelOptions, signModel } from "../../src/model-signing/sign-model.ts";
import { resultOf, type VerifyModelOptions, verifyModel } from "../../src/model-signing/verify-model.ts";
import { type Statement, signStatement, statementOf } from "../../src/statements/statement.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const signer = signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");
const trust = { type: "keys", keys: [signer.publicKey] } as const;

let folder: string;
let model: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-model-"));
  model = join(folder, "model");
  await mkdir(join(model, "a"), { recursive: true });
  await writeFile(join(model, "a", "x"), "in a folder");
  await writeFile(join(model, "a-b"), "beside it");
  await writeFile(join(model, "config.json"), "{}");
  await writeFile(join(model, "empty"), "");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sign = (options?: SignModelOptions, path = model) => resultOf(signModel(path, signer, options));
const verify = async (options?: VerifyModelOptions, signing?: SignModelOptions) =>
  resultOf(verifyModel(model, (await sign(signing)).bundle, trust, options));
const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

test("a manifest lists each file in the order of code points, and its root digest is over them", async () => {
  const { manifest, bundle } = await sign();
  const expected = [
    ["a-b", "beside it"],
    ["a/x", "in a folder"],
    ["config.json", "{}"],
    ["empty", ""],
  ] as const;
  expect(manifest).toEqual({
    name: "model",
    rootDigest: sha256(Buffer.concat(expected.map(([, text]) => createHash("sha256").update(text).digest()))),
    resources: expected.map(([name, text]) => ({ name, algorithm: "sha256", digest: sha256(text) })),
    serialization: {
      method: "files",
      hash_type: "sha256",
      allow_symlinks: false,
      ignore_paths: [".git", ".gitattributes", ".github", ".gitignore"],
    },
  });
  expect(parseBundle(Buffer.from(JSON.stringify(bundle.json)))).toEqual(bundle);
});

// BLAKE2b and BLAKE3 of "abc": RFC 7693, appendix A; BLAKE3's test of its own paper
test.each<[HashAlgorithm, string]>([
  ["sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "blake2b",
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
  ],
  ["blake3", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"],
])("%s of a file", async (hash, digest) => {
  await writeFile(join(model, "abc"), "abc");
  const { manifest, bundle } = await sign({ hash });
  expect(manifest.resources.find(({ name }) => name === "abc")).toEqual({ name: "abc", algorithm: hash, digest });
  expect((await resultOf(verifyModel(model, bundle, trust))).verified).toBe(true);
});

test("shards are named by their ranges, and empty files have none", async () => {
  const { manifest } = await sign({ method: "shards", shardSize: 5 });
  expect(manifest.resources.map(({ name }) => name)).toEqual([
    "a-b:0:5",
    "a-b:5:9",
    "a/x:0:5",
    "a/x:10:11",
    "a/x:5:10",
    "config.json:0:2",
  ]);
  expect(manifest.resources[3]!.digest).toBe(sha256("r"));
  expect(manifest.serialization.shard_size).toBe(5);
});

describe.each<SignModelOptions>([{}, { method: "shards", shardSize: 4 }])("signed with %j", (signing) => {
  test("what was not touched verifies", async () => {
    expect(await verify({}, signing)).toMatchObject({ verified: true, differences: [], files: 4, bytes: 22 });
  });

  test.each<[string, () => Promise<unknown>, object]>([
    ["changed byte", () => writeFile(join(model, "a-b"), "beside iT"), { type: "changed", name: "a-b" }],
    ["longer file", () => appendFile(join(model, "a-b"), "!"), { type: "changed", name: "a-b" }],
    ["file cut to nothing", () => writeFile(join(model, "a-b"), ""), { type: "changed", name: "a-b" }],
    ["missing file", () => rm(join(model, "a", "x")), { type: "missing", name: "a/x" }],
    ["file that was added", () => writeFile(join(model, "a", "y"), "new"), { type: "extra", name: "a/y" }],
    [
      "hidden file that was added",
      () => writeFile(join(model, "a", ".gitignore"), "new"),
      { type: "extra", name: "a/.gitignore" },
    ],
  ])("a %s is found", async (_, change, difference) => {
    const { bundle } = await sign(signing);
    await change();
    expect(await resultOf(verifyModel(model, bundle, trust))).toMatchObject({
      verified: false,
      differences: [difference],
    });
  });

  test("files with colons in their names keep them", async () => {
    await writeFile(join(model, "w:1:2"), "colons");
    await writeFile(join(model, "w:0:6"), "colons");
    expect((await verify({}, signing)).verified).toBe(true);
  });

  test("a single file verifies under its name, and as '.' as releases of model_signing call it", async () => {
    const file = join(folder, "weights.bin");
    await writeFile(file, "weights");
    const { bundle, manifest } = await sign(signing, file);
    expect(manifest.resources[0]!.name).toMatch(/^weights\.bin(:0:4)?$/);
    expect((await resultOf(verifyModel(file, bundle, trust))).verified).toBe(true);
    const dotted = manifestOf(
      "weights.bin",
      manifest.resources.map((each) => ({ ...each, name: each.name.replace("weights.bin", ".") })),
      manifest.serialization,
    );
    const old = bundleOf(await signStatement(statementOfModel(dotted), [signer]), signer.publicKey);
    expect((await resultOf(verifyModel(file, old, trust))).verified).toBe(true);
    await expect(resultOf(verifyModel(model, old, trust))).rejects.toThrow(
      /is of a model that is one file, got a folder/,
    );
    await writeFile(file, "weighty");
    expect((await resultOf(verifyModel(file, old, trust))).differences).toEqual([
      { type: "changed", name: "weights.bin" },
    ]);
  });
});

test("extra files can be allowed; missing and changed ones never", async () => {
  const { bundle } = await sign();
  await writeFile(join(model, "readme"), "new");
  const check = () => resultOf(verifyModel(model, bundle, trust, { allowExtraFiles: true }));
  expect(await check()).toMatchObject({ verified: true, differences: [{ type: "extra", name: "readme" }] });
  await writeFile(join(model, "a-b"), "changed");
  expect((await check()).verified).toBe(false);
});

test("the signature is no part of the model, wherever it lies", async () => {
  const signaturePath = join(model, "a", "model.sig");
  const { bundle, manifest } = await sign({ signaturePath });
  await writeFile(signaturePath, JSON.stringify(bundle.json));
  expect(manifest.serialization.ignore_paths).toContain("a/model.sig");
  expect((await resultOf(verifyModel(model, bundle, trust, { signaturePath }))).verified).toBe(true);
  await rename(signaturePath, join(model, "moved.sig"));
  expect((await resultOf(verifyModel(model, bundle, trust))).differences).toEqual([
    { type: "extra", name: "moved.sig" },
  ]);
  expect(
    (await resultOf(verifyModel(model, bundle, trust, { signaturePath: join(model, "moved.sig") }))).verified,
  ).toBe(true);
});

test("paths to ignore are exact, from the root, and recorded", async () => {
  await mkdir(join(model, "cache"));
  await mkdir(join(model, "a", "cache"));
  await writeFile(join(model, "cache", "1"), "");
  await writeFile(join(model, "a", "cache", "2"), "");
  await writeFile(join(model, "cache.txt"), "");
  const { manifest } = await sign({ ignorePaths: ["cache"] });
  const names = manifest.resources.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["a/cache/2", "cache.txt"]));
  expect(names).not.toContain("cache/1");
  expect(await verify({}, { ignorePaths: ["cache"] })).toMatchObject({ verified: true });
  for (const path of ["*.bin", "../other", "/etc", "a//b", "./a"]) {
    await expect(sign({ ignorePaths: [path] }), path).rejects.toMatchObject({ code: "UNSAFE_PATH" });
  }
});

describe("symbolic links", () => {
  test("are refused, also those to nothing and to folders", async () => {
    for (const target of ["a-b", "nothing", "a"]) {
      await symlink(target, join(model, "link"));
      await expect(sign()).rejects.toThrow(/link: is a symbolic link, and those are not allowed/);
      await rm(join(model, "link"));
    }
  });

  test("are followed where that is allowed, with warnings where they lead out or in circles", async () => {
    await writeFile(join(folder, "outside"), "from outside");
    await symlink("../outside", join(model, "out"));
    await symlink("a", join(model, "again"));
    await symlink("..", join(model, "a", "circle"));
    const warnings: string[] = [];
    const events = signModel(model, signer, { allowSymlinks: true });
    let next = await events.next();
    for (; !next.done; next = await events.next()) if (next.value.type === "warning") warnings.push(next.value.message);
    const { manifest, bundle } = next.value;
    expect(manifest.resources.map(({ name }) => name)).toEqual([
      "a-b",
      "a/x",
      "again/x",
      "config.json",
      "empty",
      "out",
    ]);
    expect(warnings.sort()).toEqual([
      "a/circle is a symbolic link that leads in a circle; it was left out",
      "again/circle is a symbolic link that leads in a circle; it was left out",
      "out is a symbolic link that leads out of the model",
    ]);
    expect((await resultOf(verifyModel(model, bundle, trust))).verified).toBe(true);
  });

  test("that came after signing are found", async () => {
    const { bundle } = await sign();
    await rename(join(model, "a-b"), join(folder, "elsewhere"));
    await symlink("../elsewhere", join(model, "a-b"));
    await expect(resultOf(verifyModel(model, bundle, trust))).rejects.toMatchObject({ code: "UNSAFE_PATH" });
  });
});

test("pipes and names that are no UTF-8 are refused", async () => {
  execFileSync("mkfifo", [join(model, "pipe")]);
  await expect(sign()).rejects.toThrow(/pipe: expected a file or folder, got a device, pipe or socket/);
  await rm(join(model, "pipe"));
  await writeFile(Buffer.concat([Buffer.from(`${model}/`), Buffer.from([0x66, 0xff])]), "");
  await expect(sign()).rejects.toThrow(/is no UTF-8/);
});

test("a model with nothing to sign is refused, and so is one that is not there", async () => {
  const empty = join(folder, "empty");
  await mkdir(join(empty, ".git"), { recursive: true });
  await writeFile(join(empty, ".git", "HEAD"), "ref");
  await expect(sign({}, empty)).rejects.toThrow(/there is nothing in it to sign/);
  await expect(sign({}, join(folder, "absent"))).rejects.toMatchObject({ code: "NOT_READABLE" });
});

test("Ed25519 is refused: the format does not know it", async () => {
  const own = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await expect(resultOf(signModel(model, signerFromPem(own, "test")))).rejects.toThrow(
    /expected an ECDSA key .* got ed25519/,
  );
});

test("a certificate chain signs in place of a key, if it is of the key", async () => {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-384",
    "-nodes",
    "-keyout",
    "k.pem",
    "-subj",
    "/CN=signer",
    "-addext",
    "keyUsage=digitalSignature",
    "-out",
    "c.pem",
  );
  const certificate = new X509Certificate(await readFile(join(folder, "c.pem")));
  const own = signerFromPem(await readFile(join(folder, "k.pem"), "utf8"), "k.pem");
  const { bundle } = await resultOf(signModel(model, own, { certificates: [certificate.raw] }));
  const at = new Date(Date.now() + 60_000);
  const verdict = await resultOf(verifyModel(model, bundle, { type: "certificates", roots: [certificate], at }));
  expect(verdict).toMatchObject({ verified: true, signedBy: { subject: "CN=signer" } });
  await expect(sign({ certificates: [certificate.raw] })).rejects.toThrow(
    /expected the first to be of the key that signs/,
  );
});

test("large files are hashed in threads, with progress, to the same digests", async () => {
  const large = Buffer.alloc(12 * 2 ** 20, "0123456789");
  await writeFile(join(model, "large.bin"), large);
  const progress: number[] = [];
  const events = signModel(model, signer, { threads: 2, method: "shards", shardSize: 5_000_000 });
  let next = await events.next();
  for (; !next.done; next = await events.next()) if (next.value.type === "progress") progress.push(next.value.bytes);
  const digests = next.value.manifest.resources
    .filter(({ name }) => name.startsWith("large"))
    .map(({ digest }) => digest);
  expect(digests).toEqual(
    [
      [0, 5e6],
      [10e6, large.length],
      [5e6, 10e6],
    ].map(([from, to]) => sha256(large.subarray(from, to))),
  );
  expect(progress.at(-1)).toBe(large.length + 22);
  expect((await resultOf(verifyModel(model, next.value.bundle, trust))).verified).toBe(true);
});

test("hashing can be ended", async () => {
  await writeFile(join(model, "large.bin"), Buffer.alloc(12 * 2 ** 20));
  await expect(sign({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

describe("a manifest from outside", () => {
  const digest = "ab".repeat(32);
  const resource = (name: string): ModelResource => ({ name, algorithm: "sha256", digest });
  const serialization = { method: "files", hash_type: "sha256", allow_symlinks: false } as const;
  const statement = (resources: readonly ModelResource[], changes: object = {}): Statement =>
    statementOfModel(manifestOf("m", resources, { ...serialization, ...changes }));

  test.each(["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\0b", "C:\\x"])(
    "with the name %j is refused",
    (name) => {
      expect(() => manifestIn(statement([resource(name)]))).toThrow(expect.objectContaining({ code: "UNSAFE_PATH" }));
    },
  );

  test.each<[string, Statement, RegExp]>([
    ["without resources", statement([]), /resources must not have fewer/],
    ["with a name twice", statement([resource("a"), resource("a")]), /a is there twice/],
    [
      "with digests of another algorithm",
      statement([{ ...resource("a"), algorithm: "blake3" }]),
      /expected sha256, got blake3/,
    ],
    ["with digests that are too short", statement([{ ...resource("a"), digest: "abcd" }]), /expected 32 bytes/],
    ["with shard_size for files", statement([resource("a")], { shard_size: 5 }), /shard_size with the method shards/],
    [
      "with shards but no shard_size",
      statement([resource("a:0:1")], { method: "shards" }),
      /shard_size with the method shards/,
    ],
    ["with an unknown method", statement([resource("a")], { method: "blocks" }), /method/],
    ["with something more in serialization", statement([resource("a")], { extra: 1 }), /extra/],
    [
      "with another root digest",
      statementOf(
        [{ name: "m", digest: { sha256: digest } }],
        statement([resource("a")]).predicateType,
        statement([resource("a")]).predicate,
      ),
      /its digests give/,
    ],
  ])("%s is refused", (_, given, reason) => {
    expect(() => manifestIn(given)).toThrow(reason);
  });

  test("may have its resources in any order, as Python's sorts by the parts of paths", () => {
    const resources = [resource("a/x"), resource("a-b")];
    const root = sha256(Buffer.concat(resources.map((each) => Buffer.from(each.digest, "hex"))));
    const given = statementOf([{ name: "m", digest: { sha256: root } }], statement(resources).predicateType, {
      resources,
      serialization,
    });
    expect(manifestIn(given).resources.map(({ name }) => name)).toEqual(["a/x", "a-b"]);
  });

  test.each(["a", "a:1", "a:5:5", "a:6:5", "a:-1:5", "a:01:5", ":0:5", "a:0:99999999999999999999"])(
    "has no shard named %j",
    (name) => {
      expect(() => shardOf(name)).toThrow(/expected a shard named path:start:end/);
    },
  );

  test("is read or refused by an EvidenceError, whatever it is", () => {
    const text = JSON.stringify(statement([resource("a/b"), resource("c")]));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(6), (at, put, cut) => {
        let given: Statement;
        try {
          given = JSON.parse(text.slice(0, at) + put + text.slice(at + cut));
          if (!Array.isArray(given.subject) || typeof given.predicateType !== "string") return;
          if (!given.subject.every((each) => typeof each?.digest === "object" && each.digest !== null)) return;
        } catch {
          return;
        }
        try {
          manifestIn(given);
        } catch (error) {
          expect(error).toBeInstanceOf(EvidenceError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("a signature that does not hold is refused before a file is read", async () => {
  const { bundle } = await sign();
  const stranger = signerFromPem(
    generateKeyPairSync("ec", { namedCurve: "prime256v1" })
      .privateKey.export({ type: "pkcs8", format: "pem" })
      .toString(),
    "test",
  );
  const absent = join(folder, "absent");
  await expect(
    resultOf(verifyModel(absent, bundle, { type: "keys", keys: [stranger.publicKey] })),
  ).rejects.toMatchObject({ code: "UNTRUSTED_SIGNER" });
  const { envelope } = bundle;
  const forged = {
    ...bundle,
    envelope: {
      ...envelope,
      payload: Buffer.from(Buffer.from(envelope.payload, "base64").toString().replace("a-b", "a-c")).toString("base64"),
    },
  };
  await expect(resultOf(verifyModel(absent, forged, trust))).rejects.toMatchObject({ code: "INVALID_SIGNATURE" });
});
