import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addKey,
  attestationOf,
  bundleOf,
  type Exhibit,
  evaluateGate,
  generateKey,
  type KeyRing,
  parametersWithDigest,
  parseGatePolicy,
  type Signer,
  signerFromFile,
  signStatement,
  subjectOf,
} from "../../src/index.ts";

const model = "ab".repeat(32);
const now = new Date("2026-06-30T12:00:00Z");
const signers = new Map<string, Signer>();
let folder: string;
let ring: KeyRing = { keys: [] };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-approvals-"));
  for (const name of ["ann", "ben", "carl", "registry", "stranger"]) {
    await generateKey(join(folder, name), "ed25519");
    const signer = await signerFromFile(join(folder, name));
    signers.set(name, signer);
    if (name !== "stranger") ring = addKey(ring, signer.publicKey, { name, validFrom: new Date("2026-01-01") });
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface Said {
  readonly by: string;
  readonly signedBy?: string;
  readonly author?: string | undefined;
  readonly decision?: "approved" | "rejected";
  readonly on?: string;
  readonly expiresOn?: string;
  readonly environment?: string;
  readonly of?: string;
}

async function approval(said: Said): Promise<Exhibit> {
  const { by, signedBy = by, decision = "approved", on = "2026-06-29T12:00:00Z", of = model, environment } = said;
  const { author, expiresOn = "2026-12-31T00:00:00Z" } = { author: "carl", ...said };
  const signer = signers.get(signedBy)!;
  const statement = attestationOf("approval", [subjectOf("model", "model.onnx", of)], {
    tool: { name: "casemate", version: "0.1.0" },
    method: "interview",
    ...parametersWithDigest({}),
    metrics: [],
    startedOn: on,
    finishedOn: on,
    expiresOn,
    thresholds: [],
    scope: environment === undefined ? {} : { environment },
    result: decision === "approved" ? "passed" : "failed",
    decision,
    approver: { id: by },
    ...(author !== undefined && { author: { id: author } }),
    reason: "I have read the report",
    evidence: [],
  });
  return { id: `${by}-${on}`, bundle: bundleOf(await signStatement(statement, [signer]), signer.publicKey) };
}

async function lineOf(said: readonly Said[], requirement: object = {}, author?: string) {
  const policy = parseGatePolicy(
    Buffer.from(JSON.stringify({ name: "p", requirements: [{ kind: "approval", persons: 2, ...requirement }] })),
  );
  const exhibits = await Promise.all(said.map(approval));
  const { lines, passes } = evaluateGate(
    policy,
    exhibits,
    { files: [{ path: "model.onnx", sha256: model }] },
    {
      ring,
      environment: "production",
      now,
      ...(author !== undefined && { author }),
    },
  );
  expect(passes).toBe(lines[0]!.status === "met");
  return lines[0]!;
}

test("two persons who are not the author are enough for two, and are named", async () => {
  expect(await lineOf([{ by: "ben" }, { by: "ann", environment: "production" }])).toEqual({
    requirement: "approval",
    status: "met",
    reason: "approved by ann, ben",
    evidence: ["ben-2026-06-29T12:00:00Z", "ann-2026-06-29T12:00:00Z"],
  });
});

test.each<[string, readonly Said[], string, string]>([
  ["nobody", [], "missing", "nobody approves it; expected 2 different persons"],
  ["one person", [{ by: "ann" }], "missing", "approved by ann only; expected 2 different persons"],
  ["one person twice", [{ by: "ann" }, { by: "ann", on: "2026-06-28T12:00:00Z" }], "missing", "approved by ann only"],
  ["the author", [{ by: "ann" }, { by: "carl", author: "ann" }, { by: "ben", author: "carl" }], "met", "approved by"],
  [
    "someone whose key is another's",
    [{ by: "ann" }, { by: "ben", signedBy: "ann" }],
    "untrusted",
    "signed by ann, who does not speak for ben",
  ],
  ["a stranger", [{ by: "ann" }, { by: "ben", signedBy: "stranger" }], "untrusted", "is not in the key ring"],
  [
    "one that is about another place",
    [{ by: "ann" }, { by: "ben", environment: "staging" }],
    "out of scope",
    "measured for staging, not for production",
  ],
  [
    "one that has expired",
    [{ by: "ann" }, { by: "ben", expiresOn: "2026-06-30T00:00:00Z" }],
    "stale",
    "expired on 2026-06-30T00:00:00Z",
  ],
  [
    "one without an author",
    [{ by: "ann" }, { by: "ben", author: undefined }],
    "untrusted",
    "ben does not say whose work it is",
  ],
  ["one about another model", [{ by: "ann" }, { by: "ben", of: "cd".repeat(32) }], "missing", "approved by ann only"],
  [
    "a rejection beside two approvals",
    [{ by: "ann" }, { by: "ben" }, { by: "registry", decision: "rejected" }],
    "failing",
    "registry rejects it: I have read the report",
  ],
  [
    "an approval that was taken back",
    [{ by: "ann" }, { by: "ben" }, { by: "ann", decision: "rejected", on: "2026-06-30T10:00:00Z" }],
    "failing",
    "ann rejects it",
  ],
  [
    "a rejection that was taken back",
    [{ by: "ann" }, { by: "ben" }, { by: "ann", decision: "rejected", on: "2026-06-20T10:00:00Z" }],
    "met",
    "approved by ann, ben",
  ],
])("%s", async (_, said, status, reason) => {
  expect(await lineOf(said)).toMatchObject({ status, reason: expect.stringContaining(reason) });
});

test("the author does not approve, whatever the approval says", async () => {
  expect(await lineOf([{ by: "ann" }, { by: "ben" }], {}, "ben")).toMatchObject({
    status: "untrusted",
    reason: expect.stringContaining("ben cannot approve what is their own"),
  });
});

test("a key that may sign for others counts for each of them", async () => {
  const said = [
    { by: "dora", signedBy: "registry" },
    { by: "emil", signedBy: "registry" },
  ];
  expect(await lineOf(said)).toMatchObject({ status: "untrusted" });
  expect(await lineOf(said, { onBehalf: ["registry"] })).toMatchObject({
    status: "met",
    reason: "approved by dora, emil",
  });
});

test("only those count who may sign, and only what is recent", async () => {
  const said = [{ by: "ann" }, { by: "ben" }];
  expect(await lineOf(said, { signers: ["ann", "carl"] })).toMatchObject({
    status: "untrusted",
    reason: "approved by ann only; expected 2 different persons; signed by ben; expected ann or carl",
  });
  expect(await lineOf(said, { maximumAgeDays: 0.5 })).toMatchObject({ status: "stale" });
});
