import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  mergeSignatures,
  openWitness,
  parametersWithDigest,
  parseGatePolicy,
  parseNoteKey,
  readCheckpoint,
  signerFromFile,
} from "@casemate/evidence";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../packages/casemate/src/main.ts";
import { root, start } from "./casemate.ts";

// Evidence on the command line: what was attested is logged, and gate and log verify hold it against what is asked.

const folder = mkdtempSync(join(tmpdir(), "casemate-gate-command-"));
const before = process.cwd();
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});
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
const json = (path: string, value: object) => writeFileSync(path, JSON.stringify(value));
const ago = (days: number) => new Date(Date.now() - days * 24 * 60 * 60 * 1000).toISOString();

let vkey: string;

beforeAll(async () => {
  process.chdir(folder);
  mkdirSync("model");
  mkdirSync("evidence");
  writeFileSync("model/weights.bin", "weights");
  writeFileSync("model/config.json", "{}");
  await run("keys", "generate", "release.pem");
  for (const name of ["evaluation", "ann", "log", "w1"])
    await run("keys", "generate", `${name}.pem`, "--algorithm", "ed25519");
  for (const name of ["release", "evaluation", "ann"])
    await run("keys", "add", "keys.json", `${name}.pub`, "--name", name, "--from", "2026-01-01");
  await run("sign", "model", "--key", "release.pem");
  const record = {
    tool: { name: "casemate", version: "0.1.0" },
    method: "test",
    ...parametersWithDigest({}),
    startedOn: ago(3),
    finishedOn: ago(2),
    expiresOn: ago(-30),
    thresholds: [],
    scope: {},
  };
  json("robustness.json", {
    ...record,
    metrics: [
      { name: "robust accuracy", value: 0.6, interval: { lower: 0.55, upper: 0.65, confidence: 0.95 }, n: 500 },
    ],
    result: "measured",
    threat: { norm: "linf", epsilons: [0.03] },
    checks: [{ id: "autoattack", status: "completed" }],
    warnings: [],
  });
  json("approval.json", {
    ...record,
    method: "interview",
    metrics: [],
    result: "passed",
    decision: "approved",
    approver: { id: "ann" },
    author: { id: "carl" },
    reason: "I have read the report",
    evidence: [],
  });
  const subject = ["--subject", "model=model/weights.bin"];
  for (const [kind, key] of [
    ["robustness", "evaluation"],
    ["approval", "ann"],
  ] as const)
    await run(
      ...["attest", "--kind", kind, "--predicate", `${kind}.json`, ...subject],
      ...["--key", `${key}.pem`, "--output", `evidence/${kind}.sigstore.json`],
    );
  const requirements = [
    { kind: "model", name: "signature", signers: ["release"] },
    { kind: "robustness", metrics: [{ metric: "robust accuracy", atLeast: 0.5, use: "lower" }], maximumAgeDays: 30 },
    { kind: "approval", persons: 1 },
  ];
  json("production.json", { name: "production", requirements });
  json("logged.json", { name: "production", log: true, requirements: requirements.slice(1) });
  json("strict.json", {
    name: "strict",
    requirements: [
      { kind: "robustness", metrics: [{ metric: "robust accuracy", atLeast: 0.58, use: "lower" }] },
      { kind: "robustness", maximumAgeDays: 1 },
      { kind: "scan" },
      { kind: "approval", persons: 1, signers: ["ben"] },
    ],
  });
});

const gate = (policy: string, ...more: string[]) =>
  run("gate", "--policy", policy, "--subject", "model", "--evidence", "evidence", "--key-ring", "keys.json", ...more);

describe("gate", () => {
  test("the policy in the guide is one", () => {
    const guide = readFileSync(join(root, "docs/guide/gate.md"), "utf8");
    const [, policy = ""] = /^```json\n(.*?)^```/ms.exec(guide) ?? [];
    expect(parseGatePolicy(Buffer.from(policy)).requirements.length).toBe(4);
  });

  test("ends with 0 where every requirement is met, and says by what", async () => {
    const { code, text } = await gate("production.json");
    expect(text).toContain("passes production: all 3 requirements are met");
    expect(text).toMatch(/met +signature +signed by release \[model\/model\.sig\]/);
    expect(text).toMatch(/robust accuracy 0\.55 \(at least 0\.5\), signed by evaluation \[evidence\/robustness/);
    expect(text).toMatch(/approved by ann/);
    expect(code).toBe(0);
  });

  test("ends with 1 where evidence is below, stale, missing or by somebody else, and says so for each, in SARIF too", async () => {
    const { code, stdout } = await gate("strict.json", "--json", "--sarif", "gate.sarif");
    expect(code).toBe(1);
    const { passes, lines } = JSON.parse(stdout);
    expect(passes).toBe(false);
    expect(lines.map(({ status, reason }: { status: string; reason: string }) => [status, reason])).toEqual([
      ["failing", "the lower end of the interval of robust accuracy is 0.55; expected at least 0.58"],
      ["stale", "2.0 days old; expected at most 1"],
      ["missing", "there is no scan attestation about it"],
      ["untrusted", "nobody approves it; expected 1 person; signed by ann; expected ben"],
    ]);
    const [sarif] = JSON.parse(readFileSync("gate.sarif", "utf8")).runs;
    expect(sarif.results.map(({ level }: { level: string }) => level)).toEqual(["error", "error", "error", "error"]);
    expect(sarif.results[0].locations[0].physicalLocation.artifactLocation.uri).toBe("model");
  });

  test("the author's approval does not count, nor does anything once the model is another", async () => {
    expect(await gate("production.json", "--author", "ann")).toMatchObject({
      code: 1,
      text: expect.stringContaining("ann cannot approve what is their own"),
    });
    mkdirSync("other");
    writeFileSync("other/weights.bin", "other weights");
    const { code, text } = await run(
      ...["gate", "--policy", "production.json", "--subject", "other", "--signature", "model/model.sig"],
      ...["--evidence", "evidence/robustness.sigstore.json", "--key-ring", "keys.json"],
    );
    expect(code).toBe(1);
    expect(text).toContain("does not pass production: 3 of 3 requirements are not met");
  });

  test.each<[string, string[], RegExp]>([
    ["no policy", ["gate", "--subject", "model", "--key-ring", "keys.json"], /--policy/],
    [
      "a policy that is none",
      ["gate", "--policy", "robustness.json", "--subject", "model", "--key-ring", "keys.json"],
      /robustness\.json: /,
    ],
    [
      "a model that is not there",
      ["gate", "--policy", "production.json", "--subject", "absent", "--key-ring", "keys.json"],
      /cannot read .*absent/,
    ],
    [
      "a log without its policy",
      ["gate", "--policy", "logged.json", "--subject", "model", "--key-ring", "keys.json"],
      /expected --log-policy/,
    ],
  ])("wrong use ends with 2: %s", async (_, args, reason) => {
    expect(await run(...args)).toMatchObject({ code: 2, text: expect.stringMatching(reason) });
  });
});

describe("log", () => {
  const verify = (...more: string[]) => run("log", "verify", ...more);

  beforeAll(async () => {
    const evidence = ["evidence/robustness.sigstore.json", "evidence/approval.sigstore.json"];
    const { stdout } = await run(
      "log",
      "append",
      "log",
      ...evidence,
      "--origin",
      "example.com/log",
      "--key",
      "log.pem",
      "--json",
    );
    ({ vkey } = JSON.parse(stdout));
    writeFileSync("first.checkpoint", (await readCheckpoint("log")).note);
    writeFileSync("note.txt", "a note");
    await run("log", "append", "log", "note.txt", "--origin", "example.com/log", "--key", "log.pem");
    writeFileSync("log-policy", `log ${vkey}\nquorum none\n`);
  });

  test("verify ends with 0 for a log that is whole, continues an earlier one and has an entry", async () => {
    const { code, text } = await verify(
      "log",
      "--key",
      vkey,
      "--since",
      "first.checkpoint",
      "--proof",
      "note.txt.tlog-proof",
      "--entry",
      "note.txt",
    );
    expect(text).toContain("verified: example.com/log, 3 entries, every tile from the entries");
    expect(text).toContain("continues the tree of 2 entries");
    expect(text).toContain("logged: note.txt is entry 2 of 3 in example.com/log");
    expect(code).toBe(0);
  });

  test("show lists entries", async () => {
    const { code, text } = await run("log", "show", "log", "--count", "1");
    expect(code).toBe(0);
    expect(text).toMatch(/^example\.com\/log, 3 entries, root /);
    expect(text).toMatch(/^2 {2}a note$/m);
    expect(JSON.parse((await run("log", "show", "log", "--from", "2", "--json")).stdout).entries).toEqual([
      { index: 2, entry: Buffer.from("a note").toString("base64") },
    ]);
  });

  test("a gate that asks for a log takes what is proved, and nothing else", async () => {
    expect(await gate("logged.json", "--log-policy", "log-policy")).toMatchObject({ code: 0 });
    const proof = "evidence/approval.sigstore.json.tlog-proof";
    const sound = readFileSync(proof);
    writeFileSync(proof, readFileSync("evidence/robustness.sigstore.json.tlog-proof"));
    expect(await gate("logged.json", "--log-policy", "log-policy")).toMatchObject({
      code: 1,
      text: expect.stringContaining("no transparency log has it: inclusion: entry 0 is not in the tree"),
    });
    writeFileSync(proof, sound);
  });

  test("a policy with a witness asks for its cosignature", async () => {
    const witness = await openWitness("w1", {
      name: "witness.example/w1",
      signer: await signerFromFile("w1.pem"),
      logs: [parseNoteKey(vkey)],
      now: () => new Date("2026-06-30T12:00:00Z"),
    });
    writeFileSync("witnessed", `log ${vkey}\nwitness w1 ${witness.vkey}\nquorum w1\n`);
    expect(await verify("log", "--policy", "witnessed")).toMatchObject({
      code: 1,
      text: expect.stringContaining("expected cosignatures by w1, got none"),
    });
    const { note } = await readCheckpoint("log");
    const { body } = await witness.addCheckpoint(`old 0\n\n${note}`);
    await witness.close();
    writeFileSync("log/checkpoint", mergeSignatures(note, body));
    expect(await verify("log", "--policy", "witnessed")).toMatchObject({
      code: 0,
      text: expect.stringContaining("seen by witness.example/w1 on 2026-06-30T12:00:00.000Z"),
    });
  });

  test("append asks a witness over HTTP, and says where that is not enough", async () => {
    const args = ["--name", "witness.example/w2", "--key", "w2.pem", "--log", vkey, "--port", "0"];
    await run("keys", "generate", "w2.pem", "--algorithm", "ed25519");
    const witness = start(["log", "witness", "w2", ...args], { cwd: folder });
    const [, url = "", key = ""] = await new Promise<RegExpExecArray>((resolve, reject) => {
      let text = "";
      witness.process.stdout!.on("data", (part: Buffer) => {
        text += part;
        const match = /at (http:\S+)\n.*: (\S+)\n/.exec(text);
        if (match) resolve(match);
      });
      void witness.ended.then(({ stderr }) => reject(new Error(stderr)));
    });
    writeFileSync("asked", `log ${vkey}\nwitness w2 ${key} ${url}\nquorum w2\n`);
    writeFileSync("second.txt", "another note");
    const append = () =>
      run("log", "append", "log", "second.txt", "--origin", "example.com/log", "--key", "log.pem", "--policy", "asked");
    expect(await append()).toMatchObject({ code: 0, text: expect.stringContaining("second.txt is entry 3") });
    expect(
      await verify("log", "--policy", "asked", "--proof", "second.txt.tlog-proof", "--entry", "second.txt"),
    ).toMatchObject({
      code: 0,
      text: expect.stringContaining("seen by witness.example/w2"),
    });
    const { note } = await readCheckpoint("log");
    const hash = createHash("sha256").update("example.com/log").digest("hex");
    expect(await (await fetch(`${url}/${hash}/checkpoint`)).text()).toBe(note);
    const statuses = await Promise.all([
      fetch(`${url}/${"0".repeat(64)}/checkpoint`),
      fetch(`${url}/add-checkpoint`),
      fetch(`${url}/add-checkpoint`, { method: "POST", body: `old 0\n\n${note}` }),
      fetch(`${url}/add-checkpoint`, { method: "POST", body: "x".repeat(1_200_000) }),
      fetch(`${url}/add-checkpoint`, { method: "POST", body: Buffer.of(0xff) }),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([404, 405, 409, 413, 400]);
    witness.process.kill("SIGTERM");
    expect((await witness.ended).code).toBe(0);
    expect(await append()).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /not witnessed: .*expected cosignatures by w2, got none.*no answer from the witness at /s,
      ),
    });
  });

  test("verify ends with 1 and names what is wrong: another key, a proof of something else, a changed entry", async () => {
    const { stdout } = await run(
      "log",
      "append",
      "another",
      "note.txt",
      "--origin",
      "example.com/log",
      "--key",
      "w1.pem",
      "--json",
    );
    expect(await verify("log", "--key", JSON.parse(stdout).vkey, "--json")).toMatchObject({
      code: 1,
      text: expect.stringContaining('"code": "UNTRUSTED_SIGNER"'),
    });
    expect(
      await verify("--key", vkey, "--proof", "evidence/robustness.sigstore.json.tlog-proof", "--entry", "note.txt"),
    ).toMatchObject({
      code: 1,
      text: expect.stringContaining("not verified: inclusion: entry 0 is not in the tree"),
    });
    appendFileSync("log/tile/entries/000.p/5", "x");
    expect(await verify("log", "--key", vkey)).toMatchObject({
      code: 1,
      text: expect.stringContaining("tile/entries/000.p/5: entry 5 is cut off"),
    });
  });

  test.each<[string, string[], RegExp]>([
    ["no key", ["log", "verify", "log"], /expected one of --key and --policy/],
    ["neither folder nor proof", ["log", "verify", "--policy", "log-policy"], /expected a folder, or --proof/],
    [
      "a proof without its entry",
      ["log", "verify", "--policy", "log-policy", "--proof", "x"],
      /--proof and --entry together/,
    ],
    ["a key that is none", ["log", "verify", "log", "--key", "x"], /expected a verifier key/],
    ["a folder that is no log", ["log", "verify", "model", "--policy", "log-policy"], /it is not a log/],
    [
      "a signer that is not Ed25519",
      ["log", "append", "new", "note.txt", "--origin", "a", "--key", "release.pem"],
      /notes are signed with Ed25519/,
    ],
  ])("wrong use ends with 2: %s", async (_, args, reason) => {
    expect(await run(...args)).toMatchObject({ code: 2, text: expect.stringMatching(reason) });
  });
});
