import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EvidenceError } from "../../src/errors.ts";
import { keyAlgorithms } from "../../src/keys/algorithms.ts";
import { derFromRaw } from "../../src/keys/der.ts";
import { generateKey, signerFromEnvironment, signerFromFile, signerFromPem } from "../../src/keys/private-key.ts";
import { isSignedBy, parsePublicKey, publicKeyOf, readPublicKey } from "../../src/keys/public-key.ts";
import { signerFromCommand } from "../../src/keys/signer-command.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-keys-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const message = Buffer.from("the message");
const openssl = (...args: string[]): string => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });
const words = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(EvidenceError);
  return (error as EvidenceError).message;
};

describe.each(keyAlgorithms)("%s", (algorithm) => {
  test("a generated key signs what its public half verifies, and OpenSSL reads both", async () => {
    const path = join(folder, "key.pem");
    const made = await generateKey(path, algorithm);
    const { publicKey, sign } = await signerFromFile(path);
    const signature = await sign(message);
    expect(publicKey).toMatchObject({ id: made.id, algorithm });
    expect(isSignedBy(made, message, signature)).toBe(true);
    expect(isSignedBy(made, Buffer.from("another message"), signature)).toBe(false);
    expect(openssl("pkey", "-in", path, "-pubout")).toBe(made.pem);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["key.pem"]);
  });

  test("a passphrase protects the file, and only it opens the key", async () => {
    const path = join(folder, "key.pem");
    const made = await generateKey(path, algorithm, { passphrase: "correct horse" });
    expect(await readFile(path, "utf8")).toContain("ENCRYPTED PRIVATE KEY");
    expect((await signerFromFile(path, { passphrase: "correct horse" })).publicKey.id).toBe(made.id);
    expect(await words(signerFromFile(path, { passphrase: "wrong" }))).toContain(
      "the passphrase does not open the key",
    );
    expect(await words(signerFromFile(path))).toContain("protected by a passphrase, and none was given");
  });

  test("signs through OpenSSL as an external command", async () => {
    const path = join(folder, "key.pem");
    const publicKey = await generateKey(path, algorithm);
    const how = algorithm === "ed25519" ? ["-rawin", "-in", "{input}", "-out", "{output}"] : []; // OpenSSL 3.0 wants a file for Ed25519
    const signer = signerFromCommand(["openssl", "pkeyutl", "-sign", "-inkey", path, ...how], publicKey);
    expect(isSignedBy(publicKey, message, await signer.sign(message))).toBe(true);
  });

  test("bytes that are no signature verify nothing and throw nothing", async () => {
    const { publicKey } = signerFromPem(pemOf(algorithm), "test");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), (bytes) => {
        expect(isSignedBy(publicKey, message, bytes)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

test("the id of a key is the SHA-256 of its PEM text, as OpenSSF Model Signing has it", async () => {
  // scripts/tests/keys/certificate/signing-key-pub.pem of sigstore/model-transparency, and the hint in its v1.1.0-elliptic-key/model.sig
  const pem = openssl(
    "x509",
    "-pubkey",
    "-noout",
    "-in",
    join(import.meta.dirname, "../vectors/model-transparency/signing-key-cert.pem"),
  );
  expect(parsePublicKey(pem).id).toBe("e8450dec4eb99dae995da9af1bc2cc9f76ed669ee2e744f57abba763df3e3f8e");
});

test.each([0o640, 0o604, 0o660, 0o666, 0o755])(
  "a private key of mode %o is refused, and the message names the mode",
  async (mode) => {
    const path = join(folder, "key.pem");
    await generateKey(path, "ed25519");
    await chmod(path, mode);
    expect(await words(signerFromFile(path))).toBe(
      `${path}: expected mode 0600, got 0${mode.toString(8)}, by which others reach the key: chmod 600`,
    );
  },
);

test.runIf(process.getuid?.() === 0)("a private key of another user is refused", async () => {
  const path = join(folder, "key.pem");
  await generateKey(path, "ed25519");
  await chown(path, 12_345, 12_345);
  expect(await words(signerFromFile(path))).toContain("belongs to user 12345");
});

test("a key is never replaced", async () => {
  const path = join(folder, "key.pem");
  const first = await generateKey(path, "ed25519");
  expect(await words(generateKey(path, "ed25519"))).toBe(`cannot write ${path}: it is there already`);
  expect((await signerFromFile(path)).publicKey.id).toBe(first.id);
  expect(await readdir(folder)).toEqual(["key.pem"]);
});

test("a key comes from an environment variable, also with its line ends written out", async () => {
  const pem = pemOf("ecdsa-p256");
  const { publicKey } = signerFromEnvironment("KEY", { KEY: pem });
  expect(signerFromEnvironment("KEY", { KEY: pem.replaceAll("\n", "\\n") }).publicKey.id).toBe(publicKey.id);
  expect(() => signerFromEnvironment("KEY", {})).toThrow(/environment variable KEY: .* it is not set/);
});

test("public keys come from PEM files, and a private key in their place is refused", async () => {
  const path = join(folder, "key.pem");
  const made = await generateKey(path, "ecdsa-p384");
  const publicPath = join(folder, "key.pub");
  await writeFile(publicPath, made.pem);
  expect((await readPublicKey(publicPath)).id).toBe(made.id);
  expect(await words(readPublicKey(path))).toContain("expected a public key, got a private key");
  expect(await words(readPublicKey(join(folder, "absent")))).toContain("cannot read");
});

test("kinds of keys that do not sign here are named", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  expect(() => publicKeyOf(publicKey)).toThrow(/expected a key of ed25519, ecdsa-p256, .* got rsa/);
  const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  expect(() => publicKeyOf(other.publicKey)).toThrow(/got ec secp256k1/);
});

describe("an external command", () => {
  const key = () => publicKeyOf(generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey);
  const script = (text: string): readonly string[] => [process.execPath, "-e", text];

  test.each([
    ["says nothing", script(""), /answered 0 bytes that are no signature/],
    ["signs with another key", ["openssl", "rand", "71"], /answered 71 bytes that are no signature by ecdsa-p256 key/],
    ["fails", script("console.error('token is locked'); process.exit(3)"), /ended with code 3: token is locked/],
    ["does not exist", ["casemate-no-such-program"], /could not be started: ENOENT/],
    [
      "prints without end",
      script("for(;;) require('fs').writeSync(1, 'x'.repeat(4096))"),
      /printed more than 16384 bytes/,
    ],
    ["writes no file", [...script(""), "{output}"], /wrote no signature/],
  ])("that %s fails with its reason", async (_, command, reason) => {
    const said = await words(signerFromCommand(command, key()).sign(message));
    expect(said).toMatch(reason);
  });

  test("that takes too long is ended", async () => {
    const sign = signerFromCommand(script("setTimeout(() => {}, 60000)"), key(), { seconds: 0.3 }).sign(message);
    expect(await words(sign)).toMatch(/did not answer within 0.3 seconds/);
  });

  test("that answers in base64, or by files, is understood", async () => {
    const path = join(folder, "key.pem");
    const publicKey = await generateKey(path, "ecdsa-p256");
    const text = `
      const { createPrivateKey } = require("crypto"), { execFileSync } = require("child_process");
      process.stdout.write(execFileSync("openssl", ["pkeyutl", "-sign", "-inkey", ${JSON.stringify(path)}, "-in", process.argv[1]]).toString("base64") + "\\n")`;
    const signer = signerFromCommand([...script(text), "{input}"], publicKey);
    expect(isSignedBy(publicKey, message, await signer.sign(message))).toBe(true);
  });

  test.each(["prime256v1", "secp384r1", "secp521r1"])(
    "that answers r and s side by side for %s gives DER in the end",
    async (namedCurve) => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
      const path = join(folder, "key.pem");
      await writeFile(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      const hash = { prime256v1: "sha256", secp384r1: "sha384", secp521r1: "sha512" }[namedCurve];
      const text = `
      const { sign } = require("crypto"), { readFileSync } = require("fs");
      const key = { key: readFileSync(${JSON.stringify(path)}), dsaEncoding: "ieee-p1363" };
      process.stdout.write(sign(${JSON.stringify(hash)}, readFileSync(process.argv[1]), key))`;
      const signer = signerFromCommand([...script(text), "{message}"], publicKeyOf(publicKey));
      for (let round = 0; round < 3; round++) {
        expect(verify(hash, message, { key: publicKey, dsaEncoding: "der" }, await signer.sign(message))).toBe(true);
      }
    },
  );

  test("that hashes by itself gets the message", async () => {
    const path = join(folder, "key.pem");
    const publicKey = await generateKey(path, "ecdsa-p384");
    const signer = signerFromCommand(["openssl", "dgst", "-sha384", "-sign", path, "{message}"], publicKey);
    expect(isSignedBy(publicKey, message, await signer.sign(message))).toBe(true);
  });

  test("runs without a shell", async () => {
    const marker = join(folder, "marker");
    await words(signerFromCommand(["true", `; touch ${marker}`, `$(touch ${marker})`], key()).sign(message));
    expect(await readdir(folder)).toEqual([]);
  });

  test("is asked for at all", () => {
    expect(() => signerFromCommand([], key())).toThrow(/expected a program/);
  });
});

test("r and s become DER whatever their first bits are", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  for (let round = 0; round < 40; round++) {
    const text = Buffer.from(`message ${round}`);
    const raw = sign("sha256", text, { key: privateKey, dsaEncoding: "ieee-p1363" });
    expect(verify("sha256", text, { key: publicKey, dsaEncoding: "der" }, derFromRaw(raw))).toBe(true);
  }
  // r = 1, s = 128: X.690, 8.3
  const small = Buffer.alloc(64);
  small[31] = 1;
  small[63] = 128;
  expect(derFromRaw(small).toString("hex")).toBe("300702010102020080");
});

test("no message of any error holds a byte of a private key", async () => {
  const pem = pemOf("ecdsa-p256");
  const body = pem.split("\n").slice(1, -2);
  const path = join(folder, "key.pem");
  const seen: string[] = [];
  const collect = async (text: string, passphrase?: string): Promise<void> => {
    await writeFile(path, text, { mode: 0o600 });
    const options = passphrase === undefined ? {} : { passphrase };
    for (const attempt of [
      () => signerFromFile(path, options),
      async () => signerFromEnvironment("KEY", { KEY: text }, options),
      async () => parsePublicKey(text),
    ]) {
      await attempt().catch((error: Error) => seen.push(`${error.message}\n${error.stack}\n${String(error.cause)}`));
    }
  };
  await collect(pem.replace("PRIVATE KEY", "SECRET KEY"));
  await collect(pem.replace("-----BEGIN", "--BEGIN"));
  await collect(pem.replace(body[1]!, ""));
  await collect(pem.replace(body[0]!, `${body[0]!.slice(0, -4)}!!!!`));
  await collect(pem.repeat(400));
  await collect(`${pem}\nENCRYPTED`, "guess");
  await writeFile(path, pem, { mode: 0o600 });
  const echo = `const key = require("fs").readFileSync(${JSON.stringify(path)}, "utf8"); console.error(key); process.exit(1)`;
  const { publicKey } = signerFromPem(pem, "test");
  seen.push(await words(signerFromCommand([process.execPath, "-e", echo], publicKey).sign(message)));
  seen.push(
    await words(
      signerFromCommand(
        [process.execPath, "-e", "console.error(process.argv[1]); process.exit(1)", "PIN-4711"],
        publicKey,
      ).sign(message),
    ),
  );
  expect(seen.length).toBeGreaterThan(14);
  for (const line of [...body, "PIN-4711"]) expect(seen.join("\n")).not.toContain(line.slice(0, 24));
});

function pemOf(algorithm: (typeof keyAlgorithms)[number]): string {
  const curves = { "ecdsa-p256": "prime256v1", "ecdsa-p384": "secp384r1", "ecdsa-p521": "secp521r1" };
  const { privateKey } =
    algorithm === "ed25519"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: curves[algorithm] });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
