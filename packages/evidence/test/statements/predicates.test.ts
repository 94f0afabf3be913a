import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EvidenceError } from "../../src/errors.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import { meetsThreshold, parametersWithDigest } from "../../src/statements/evidence-record.ts";
import {
  attestationIn,
  attestationOf,
  type PredicateOf,
  predicateKinds,
  predicates,
} from "../../src/statements/predicates.ts";
import {
  parseStatement,
  signStatement,
  statementOf,
  subjectOf,
  verifyStatement,
} from "../../src/statements/statement.ts";

const sha = "ab".repeat(32);
const subjects = [subjectOf("model", "model.onnx", sha), subjectOf("data", "test.npz", "cd".repeat(32))];
const record = {
  tool: { name: "casemate", version: "0.1.0" },
  method: "test",
  ...parametersWithDigest({ profile: "standard", epsilon: 0.1 }),
  seed: 7,
  metrics: [
    {
      name: "accuracy.robust",
      value: 0.62,
      unit: "proportion",
      interval: { lower: 0.57, upper: 0.66, confidence: 0.95 },
      n: 500,
    },
  ],
  startedOn: "2026-11-20T10:00:00Z",
  finishedOn: "2026-11-20T11:00:00Z",
  expiresOn: "2027-02-20T00:00:00Z",
  thresholds: [
    {
      metric: "accuracy.robust",
      atLeast: 0.5,
      use: "lower",
      approvedBy: "risk@example.com",
      approvedOn: "2026-11-01T00:00:00Z",
    },
  ],
  scope: { environment: "production", alias: "champion" },
  result: "passed",
} as const;
const robustness = {
  ...record,
  threat: { norm: "linf", epsilons: [0.1] },
  checks: [{ id: "autoattack", status: "completed" }],
  warnings: [],
} as const satisfies PredicateOf<"robustness">;
const resource = { digest: { sha256: sha } };

const examples: { readonly [K in keyof typeof predicates]: PredicateOf<K> } = {
  robustness,
  scan: { ...record, verdict: "clean", findings: [{ rule: "pickle/import", severity: "low", count: 2 }] },
  performance: record,
  privacy: { ...record, guarantee: { epsilon: 3, delta: 1e-5, unit: "example" } },
  drift: { ...record, reference: resource, window: { from: "2026-11-01T00:00:00Z", until: "2026-11-08T00:00:00Z" } },
  approval: {
    ...record,
    method: "examine",
    decision: "approved",
    approver: { id: "anna@example.com", role: "reviewer" },
    author: { id: "ben@example.com" },
    reason: "meets the plan",
    evidence: [resource],
  },
  // SLSA's own example of its fields, shortened (https://slsa.dev/spec/v1.0/provenance)
  training: {
    buildDefinition: {
      buildType: "https://casemate.dev/attestation/training/v0.1",
      externalParameters: { recipe: "trades" },
      resolvedDependencies: [resource],
    },
    runDetails: { builder: { id: "https://example.com/trainer" }, metadata: { startedOn: "2026-11-20T10:00:00Z" } },
  },
  // the example of https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md, shortened
  "test-result": {
    result: "PASSED",
    configuration: [
      { name: ".github/workflows/ci.yml", digest: { gitBlob: "ebe4add40f63c3c98bc9b32ff1e736f04120b023" } },
    ],
    passedTests: ["build (3.7, ubuntu-latest, py)"],
    warnedTests: [],
    failedTests: [],
  },
  // the second example of https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md
  summary: {
    verifier: {
      id: "https://example.com/policy_engine/v1",
      policies: [{ uri: "https://example.com/policies/production-deployment", digest: { sha256: "789abc012def" } }],
    },
    timeCreated: "2024-03-15T14:22:00Z",
    properties: ["SLSA_BUILD_LEVEL_3", "EXAMPLE_DEPLOYMENT_APPROVED"],
  },
};

test.each(predicateKinds)("a %s attestation is signed, read back and known by its type", async (kind) => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const signer = signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");
  const statement = attestationOf(kind, subjects, examples[kind]);
  const envelope = await signStatement(statement, [signer]);
  const read = attestationIn(verifyStatement(envelope, [signer.publicKey]));
  expect(read).toEqual({ kind, statement });
  expect(statement).toMatchObject({ _type: "https://in-toto.io/Statement/v1", predicateType: predicates[kind].type });
});

test.each(predicateKinds)("a %s predicate with nothing in it is refused", (kind) => {
  const statement = statementOf(subjects, predicates[kind].type, {});
  expect(() => attestationIn(statement)).toThrow(expect.objectContaining({ code: "MALFORMED" }));
});

test("predicates of others are named", () => {
  const statement = statementOf(subjects, "https://spdx.dev/Document", {});
  expect(() => attestationIn(statement)).toThrow(/https:\/\/spdx.dev\/Document are not known/);
});

describe("a record that contradicts itself is refused:", () => {
  const threshold = record.thresholds[0];
  test.each<[string, object, RegExp]>([
    ["it ends before it starts", { finishedOn: "2026-11-20T09:00:00Z" }, /finishedOn .* is before startedOn/],
    ["it is stale when it is finished", { expiresOn: "2026-11-20T11:00:00Z" }, /expiresOn .* is not after finishedOn/],
    ["its parameters are not those of the digest", { parameters: { profile: "quick" } }, /parametersDigest: expected/],
    [
      "a threshold approved during the test",
      { thresholds: [{ ...threshold, approvedOn: "2026-11-20T10:30:00Z" }] },
      /was approved on .*, not before the start/,
    ],
    [
      "a threshold approved at the start",
      { thresholds: [{ ...threshold, approvedOn: "2026-11-20T10:00:00Z" }] },
      /not before the start/,
    ],
    [
      "passed, with a threshold that is missed",
      { thresholds: [{ ...threshold, atLeast: 0.6 }] },
      /result is passed, but the threshold on accuracy.robust is not met/,
    ],
    [
      "passed, with a threshold on what was not measured",
      { thresholds: [{ ...threshold, metric: "accuracy.clean" }] },
      /threshold on accuracy.clean is not met/,
    ],
    ["measured, with thresholds", { result: "measured" }, /result is measured, but there are thresholds/],
    [
      "a threshold that asks for nothing",
      { thresholds: [{ ...threshold, atLeast: undefined }] },
      /expected atLeast or atMost/,
    ],
    ["a metric twice", { metrics: [...record.metrics, ...record.metrics] }, /accuracy.robust is there twice/],
    [
      "a value outside of its interval",
      { metrics: [{ ...record.metrics[0], value: 0.9 }] },
      /lies outside of its interval/,
    ],
    ["no number", { metrics: [{ name: "a", value: Number.NaN }] }, /value/],
    ["a time in words", { startedOn: "last week" }, /startedOn must match format/],
    ["an unknown member", { note: "fine" }, /note/],
  ])("%s", (_, change, reason) => {
    const predicate = { ...robustness, ...change };
    expect(() => attestationOf("robustness", subjects, predicate as PredicateOf<"robustness">)).toThrow(reason);
  });

  test("an approval of one's own", () => {
    const approval = { ...examples.approval, author: { id: "anna@example.com" } };
    expect(() => attestationOf("approval", subjects, approval)).toThrow(/cannot approve what is their own/);
  });

  test("an approval whose result is not its decision", () => {
    expect(() => attestationOf("approval", subjects, { ...examples.approval, decision: "rejected" })).toThrow(
      /expected result failed/,
    );
  });
});

test("a threshold looks at the value or an end of the interval", () => {
  const of = (use: "value" | "lower" | "upper" | undefined, atLeast: number) =>
    meetsThreshold(record.metrics, {
      metric: "accuracy.robust",
      atLeast,
      approvedBy: "a",
      approvedOn: "b",
      ...(use && { use }),
    });
  expect([of(undefined, 0.6), of("value", 0.6), of("lower", 0.6), of("upper", 0.66)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(meetsThreshold([], { metric: "a", atMost: 1, approvedBy: "a", approvedOn: "b" })).toBeUndefined();
});

test.each([
  [[], /at least one subject/],
  [[{ name: "a", digest: { sha512: "ab" } }], /subject a: expected a SHA-256/],
  [[subjects[0]!, subjects[0]!], /two subjects are named 'model.onnx'/],
])("subjects are checked", (given, reason) => {
  expect(() => statementOf(given, "https://example.com", {})).toThrow(reason);
  expect(() => subjectOf("model", "m", "ABCD")).toThrow(/lower-case hex/);
});

test("whatever the bytes of a statement, it is read or refused by an EvidenceError", () => {
  const text = JSON.stringify(attestationOf("robustness", subjects, robustness));
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(8), (at, put, cut) => {
      try {
        attestationIn(parseStatement(Buffer.from(text.slice(0, at) + put + text.slice(at + cut))));
      } catch (error) {
        expect(error).toBeInstanceOf(EvidenceError);
      }
    }),
    { numRuns: 2000 },
  );
  expect(() => parseStatement(Buffer.from(text), "application/json")).toThrow(/expected a payload of type/);
});
