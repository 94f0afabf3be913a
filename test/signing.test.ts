import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attestationIn, parseBundle, parsePublicKey, verifyAttestation } from "@casemate/evidence";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../packages/casemate/src/main.ts";
import { casemate, iris, root } from "./casemate.ts";

// The commands that sign: keys, sign, verify, attest. Most run in this process, since to start one takes a second or more.

const folder = mkdtempSync(join(tmpdir(), "casemate-signing-"));
const before = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});
const at = (...path: string[]): string => join(folder, ...path);
const run = async (...args: string[]) => {
  let stdout = "";
  let stderr = "";
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const code = await main(args, { ...streams, env: {} });
  return { code, text: stdout + stderr, stdout };
};
const vectors = join(root, "packages/evidence/test/vectors");

beforeAll(async () => {
  mkdirSync(at("model", "weights"), { recursive: true });
  writeFileSync(at("model", "weights", "0.bin"), "weights");
  writeFileSync(at("model", "config.json"), "{}");
  await run("keys", "generate", at("release.pem"));
});

describe("keys", () => {
  test("generate makes a private key for its owner alone, and its public key", async () => {
    expect(statSync(at("release.pem")).mode & 0o777).toBe(0o600);
    const { id, algorithm } = parsePublicKey(readFileSync(at("release.pub"), "utf8"));
    expect(algorithm).toBe("ecdsa-p256");
    const { stdout } = await run("keys", "public", at("release.pem"), "--json");
    expect(JSON.parse(stdout)).toMatchObject({ id, algorithm, publicKey: readFileSync(at("release.pub"), "utf8") });
  });

  test("generate replaces nothing", async () => {
    const before = readFileSync(at("release.pem"), "utf8");
    expect(await run("keys", "generate", at("release.pem"))).toMatchObject({
      code: 2,
      text: expect.stringContaining("there already"),
    });
    expect(readFileSync(at("release.pem"), "utf8")).toBe(before);
  });

  test("a private key that others can read is refused", async () => {
    await run("keys", "generate", at("open.pem"), "--algorithm", "ed25519");
    chmodSync(at("open.pem"), 0o644);
    const { code, text } = await run("keys", "public", at("open.pem"));
    expect({ code, text }).toMatchObject({ code: 2, text: expect.stringContaining("expected mode 0600, got 0644") });
  });
});

describe("sign and verify", () => {
  test("a model that is as it was signed verifies; one that is not is told apart", async () => {
    expect(await run("sign", at("model"), "--key", at("release.pem"))).toMatchObject({ code: 0 });
    const verify = (...more: string[]) => run("verify", at("model"), "--public-key", at("release.pub"), ...more);
    expect(await verify()).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^verified: 2 files \(9 bytes\), signed by key/),
    });
    writeFileSync(at("model", "added.py"), "import os");
    appendFileSync(at("model", "config.json"), " ");
    const { code, stdout } = await verify("--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      verified: false,
      differences: [
        { type: "extra", name: "added.py" },
        { type: "changed", name: "config.json" },
      ],
    });
    expect((await verify()).text).toMatch(/^extra added\.py\nchanged config\.json\nnot verified: 3 files/);
    rmSync(at("model", "added.py"));
    writeFileSync(at("model", "config.json"), "{}");
    expect((await verify()).code).toBe(0);
  });

  test("the built command ends with 0 and 1", async () => {
    const args = ["verify", at("model"), "--signature", at("model", "model.sig"), "--public-key", at("release.pub")];
    expect(await casemate(args)).toMatchObject({ code: 0, stderr: "" });
    writeFileSync(at("model", "added.py"), "import os");
    expect(await casemate([...args, "--json"])).toMatchObject({ code: 1, stderr: "" });
    rmSync(at("model", "added.py"));
  });

  test("with a protected key, and with one from the environment", async () => {
    process.env.CASEMATE_TEST_PASSPHRASE = "correct horse";
    const protection = ["--passphrase-env", "CASEMATE_TEST_PASSPHRASE"];
    expect(await run("keys", "generate", at("protected.pem"), ...protection)).toMatchObject({ code: 0 });
    process.env.CASEMATE_TEST_KEY = readFileSync(at("protected.pem"), "utf8");
    for (const key of [
      ["--key", at("protected.pem")],
      ["--key-env", "CASEMATE_TEST_KEY"],
    ]) {
      const output = at("protected.sig");
      const sign = (...more: string[]) => run("sign", at("model", "config.json"), ...key, ...more, "--output", output);
      expect(await sign(...protection)).toMatchObject({ code: 0 });
      const args = ["--signature", output, "--public-key", at("protected.pub")];
      expect(await run("verify", at("model", "config.json"), ...args)).toMatchObject({ code: 0 });
      expect(await sign()).toMatchObject({ code: 2, text: expect.stringContaining("protected by a passphrase") });
      process.env.CASEMATE_TEST_PASSPHRASE = "wrong";
      const { code, text } = await sign(...protection);
      expect({ code, text }).toMatchObject({ code: 2, text: expect.stringContaining("does not open the key") });
      expect(text).not.toContain("wrong");
      process.env.CASEMATE_TEST_PASSPHRASE = "correct horse";
    }
    delete process.env.CASEMATE_TEST_PASSPHRASE;
    delete process.env.CASEMATE_TEST_KEY;
  });

  test("through a signer command, in shards", async () => {
    const output = at("command.sig");
    const command = JSON.stringify(["openssl", "pkeyutl", "-sign", "-inkey", at("release.pem")]);
    const signed = await run(
      "sign",
      at("model"),
      "--signer-command",
      command,
      "--signer-key",
      at("release.pub"),
      "--output",
      output,
      "--shard-size",
      "4",
      "--ignore",
      "model.sig",
    );
    expect(signed).toMatchObject({ code: 0, text: expect.stringContaining("signed 3 digests") });
    const args = ["--signature", output, "--public-key", at("release.pub")];
    expect(await run("verify", at("model"), ...args)).toMatchObject({ code: 0 });
  });

  test("a signer command that fails ends with 3, and its arguments stay unsaid", async () => {
    const args = [
      "--signer-command",
      "false --pin 471147",
      "--signer-key",
      at("release.pub"),
      "--output",
      at("no.sig"),
    ];
    const { code, text } = await run("sign", at("model"), ...args);
    expect(code).toBe(3);
    expect(text).toContain("signer command false ended with code 1");
    expect(text).not.toContain("471147");
  });

  test("by a certificate chain", async () => {
    const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
    openssl(
      "req",
      "-x509",
      "-key",
      "release.pem",
      "-subj",
      "/CN=release",
      "-days",
      "2",
      "-addext",
      "keyUsage=digitalSignature",
      "-out",
      "release.crt",
    );
    const output = at("certificate.sig");
    const chain = ["--certificate-chain", at("release.crt")];
    expect(
      await run("sign", at("model"), "--key", at("release.pem"), ...chain, "--output", output, "--ignore", "model.sig"),
    ).toMatchObject({ code: 0 });
    const verify = (...more: string[]) =>
      run("verify", at("model"), "--signature", output, "--certificate-roots", at("release.crt"), ...more);
    expect(await verify()).toMatchObject({
      code: 0,
      text: expect.stringContaining("signed by CN=release (certificate "),
    });
    expect(await verify("--at", "2020-01-01")).toMatchObject({
      code: 1,
      text: expect.stringContaining("not valid before"),
    });
  });

  test("by an identity of Sigstore, without a network", async () => {
    const args = [
      ...["verify", join(vectors, "model-transparency/v1.1.0-sigstore")],
      ...["--issuer", "https://sigstore.verify.ibm.com/oauth2"],
      ...["--trusted-root", join(vectors, "root-signing/trusted_root.json")],
    ];
    const own = await run(...args, "--identity", "stefanb@us.ibm.com");
    expect(own).toMatchObject({ code: 0, text: expect.stringMatching(/stefanb@us\.ibm\.com of .* on 2025-10-10T/) });
    expect(await run(...args, "--identity", "mallory@us.ibm.com")).toMatchObject({
      code: 1,
      text: expect.stringContaining("expected a signature by mallory"),
    });
  });

  test("a key ring decides until when and for what a key counts", async () => {
    const ring = at("keys.json");
    await run("keys", "generate", at("next.pem"));
    const verify = (...more: string[]) => run("verify", at("model"), "--key-ring", ring, ...more);
    const scope = ["--kinds", "model", "--environments", "staging"];
    expect(
      await run("keys", "add", ring, at("release.pub"), "--name", "first", "--from", "2026-01-01", ...scope),
    ).toMatchObject({ code: 0 });
    expect(await verify("--environment", "staging")).toMatchObject({
      code: 0,
      text: expect.stringContaining("signed by first (key "),
    });
    expect(await verify("--environment", "production")).toMatchObject({
      code: 1,
      text: expect.stringContaining("key first signs for staging, not for production"),
    });
    expect(
      await run("keys", "rotate", ring, at("release.pub"), at("next.pub"), "--at", "2026-02-01", "--overlap", "7d"),
    ).toMatchObject({ code: 0 });
    expect(await verify("--environment", "staging")).toMatchObject({
      code: 1,
      text: expect.stringContaining("was valid until 2026-02-08"),
    });
    expect(await verify("--environment", "staging", "--at", "2026-02-07")).toMatchObject({ code: 0 });
    expect(
      await run("keys", "revoke", ring, at("release.pub"), "--reason", "laptop stolen", "--at", "2026-01-15"),
    ).toMatchObject({ code: 0 });
    expect(await verify("--environment", "staging", "--at", "2026-02-07")).toMatchObject({
      code: 1,
      text: expect.stringContaining("laptop stolen"),
    });
  });

  test.each<[string, readonly string[], RegExp]>([
    ["no key", ["sign", "model"], /expected one of --key, --key-env and --signer-command/],
    ["two keys", ["sign", "model", "--key", "release.pem", "--key-env", "KEY"], /expected one of --key/],
    [
      "a variable that is not set",
      ["sign", "model", "--key-env", "CASEMATE_NO_SUCH_KEY"],
      /CASEMATE_NO_SUCH_KEY: .*is not set/,
    ],
    ["a command without its key", ["sign", "model", "--signer-command", "true"], /expected --signer-key as well/],
    ["a model that is not there", ["sign", "absent", "--key", "release.pem"], /cannot read .*absent/],
    ["nobody to trust", ["verify", "model"], /expected one of --public-key, --key-ring/],
    [
      "a private key to verify with",
      ["verify", "model", "--public-key", "release.pem"],
      /expected a public key, got a private key/,
    ],
    [
      "an identity without its issuer",
      ["verify", "model", "--identity", "a@b.c"],
      /expected --issuer and --trusted-root/,
    ],
    [
      "a signature that is not there",
      ["verify", "model", "--signature", "absent.sig", "--public-key", "release.pub"],
      /cannot read .*absent\.sig/,
    ],
    [
      "a signature that is none",
      ["verify", "model", "--signature", "release.pub", "--public-key", "release.pub"],
      /expected JSON/,
    ],
    ["a time that is none", ["verify", "model", "--key-ring", "keys.json", "--at", "soon"], /expected a time such as/],
  ])("wrong use ends with 2: %s", async (_, args, reason) => {
    const { code, text } = await run(...args);
    expect({ code, text }).toEqual({ code: 2, text: expect.stringMatching(reason) });
  });
});

describe("attest", () => {
  const key = () => parsePublicKey(readFileSync(at("release.pub"), "utf8"));
  const read = (path: string) =>
    attestationIn(verifyAttestation(parseBundle(readFileSync(path)), { type: "keys", keys: [key()] }).statement);

  test("wraps what an audit measured, held against what was approved before", async () => {
    const model = join(iris, "iris-mlp.onnx");
    const audit = ["--data", join(iris, "test.csv"), "--epsilon", "0.1", "--profile", "quick", "--out", at("report")];
    const { code } = await casemate(["audit", model, ...audit]);
    expect(code).toBe(0);
    writeFileSync(
      at("plan.json"),
      JSON.stringify([
        { metric: "accuracy.clean", atLeast: 0.5, approvedBy: "risk@example.com", approvedOn: "2026-01-01T00:00:00Z" },
      ]),
    );
    const output = at("robustness.json");
    const args = ["--report", at("report", "report.json"), "--thresholds", at("plan.json"), "--environment", "staging"];
    const signed = await run("attest", "--kind", "robustness", ...args, "--key", at("release.pem"), "--output", output);
    expect(signed).toMatchObject({ code: 0, text: expect.stringContaining("robustness: passed, signed with key") });
    const { kind, statement } = read(output);
    expect(kind).toBe("robustness");
    expect(statement.predicate).toMatchObject({ result: "passed", scope: { environment: "staging" } });
    expect(statement.subject[0]).toMatchObject({ name: "iris-mlp.onnx", annotations: { role: "model" } });
  });

  test("wraps what a scan found", async () => {
    await casemate(["scan", at("model", "config.json"), "--out", at("scan.json")]);
    const output = at("scan.sigstore.json");
    expect(
      await run(
        "attest",
        "--kind",
        "scan",
        "--report",
        at("scan.json"),
        "--key",
        at("release.pem"),
        "--output",
        output,
      ),
    ).toMatchObject({ code: 0 });
    expect(read(output).statement.predicate).toMatchObject({ verdict: "clean" });
  });

  test("wraps how a model was trained, as SLSA provenance", async () => {
    const data = join(iris, "test.csv");
    const base = join(iris, "iris-mlp.onnx");
    const out = at("tuned.onnx");
    const training = ["train", base, "--data", data, "--validation", data, "--epochs", "2", "--out", out];
    expect(await run(...training)).toMatchObject({ code: 0 });
    const output = at("training.sigstore.json");
    const args = ["--report", `${out}.training.json`, "--key", at("release.pem"), "--output", output];
    expect(await run("attest", "--kind", "training", ...args)).toMatchObject({ code: 0 });
    const { statement } = read(output);
    const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    expect(statement.predicateType).toBe("https://slsa.dev/provenance/v1");
    expect(statement.subject).toMatchObject([{ name: "tuned.onnx", digest: { sha256: sha256(out) } }]);
    expect(statement.predicate).toMatchObject({
      buildDefinition: {
        buildType: "https://casemate.dev/attestation/training/v0.1",
        externalParameters: { method: "plain", epochs: 2, seed: 0 },
        resolvedDependencies: [
          { name: "test.csv", digest: { sha256: sha256(data) }, annotations: { role: "data" } },
          { name: "test.csv", digest: { sha256: sha256(data) }, annotations: { role: "validation" } },
          { name: "iris-mlp.onnx", digest: { sha256: sha256(base) }, annotations: { role: "base" } },
        ],
      },
      runDetails: { byproducts: [{ digest: { sha256: sha256(`${out}.training.json`) } }] },
    });
    expect(JSON.stringify(statement)).not.toContain(iris); // paths are nobody's business
  });

  test("wraps a predicate about files", async () => {
    const predicate = {
      verifier: { id: "https://example.com/gate", policies: [] },
      timeCreated: "2026-11-23T00:00:00Z",
      properties: ["OK"],
    };
    writeFileSync(at("summary.json"), JSON.stringify(predicate));
    const output = at("summary.sigstore.json");
    const args = ["--predicate", at("summary.json"), "--subject", `model=${at("model", "config.json")}`];
    expect(
      await run("attest", "--kind", "summary", ...args, "--key", at("release.pem"), "--output", output),
    ).toMatchObject({ code: 0 });
    expect(read(output).statement.predicate).toEqual(predicate);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["neither report nor predicate", [], /expected one of --report and --predicate/],
    ["a predicate about nothing", ["--predicate", "plan.json"], /expected --subject as well/],
    [
      "a predicate of another form",
      ["--predicate", "summary.json", "--subject", "model=summary.json"],
      /robustness predicate: /,
    ],
    ["a report of another kind", ["--report", "scan.json"], /not a report of this kind/],
    ["a role that is none", ["--predicate", "plan.json", "--subject", "code=a"], /expected model=FILE/],
  ])("wrong use ends with 2: %s", async (_, args, reason) => {
    const all = ["attest", "--kind", "robustness", "--key", "release.pem", ...args];
    const { code, text } = await run(...all);
    expect({ code, text }).toEqual({ code: 2, text: expect.stringMatching(reason) });
  });
});
