import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addKey,
  attestationOf,
  bundleOf,
  type EvidenceThreshold,
  type Exhibit,
  evaluateGate,
  type GateContext,
  generateKey,
  parametersWithDigest,
  parseGatePolicy,
  readGateSubject,
  resultOf,
  type Signer,
  signerFromFile,
  signModel,
  signStatement,
  subjectOf,
} from "../../src/index.ts";

const model = "ab".repeat(32);
const data = "cd".repeat(32);
const subject = { files: [{ path: "model.onnx", sha256: model }] };
const now = new Date("2026-06-30T12:00:00Z");

let folder: string;
let own: Signer;
let stranger: Signer;
let release: Signer;
let context: GateContext;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-gate-"));
  for (const name of ["own", "stranger"]) await generateKey(join(folder, name), "ed25519");
  own = await signerFromFile(join(folder, "own"));
  stranger = await signerFromFile(join(folder, "stranger"));
  const audited = addKey({ keys: [] }, own.publicKey, {
    name: "auditor",
    validFrom: new Date("2026-01-01T00:00:00Z"),
    kinds: ["robustness", "scan"],
  });
  await generateKey(join(folder, "release"), "ecdsa-p256");
  release = await signerFromFile(join(folder, "release"));
  const ring = addKey(audited, release.publicKey, { name: "release", validFrom: new Date("2026-01-01T00:00:00Z") });
  context = { ring, environment: "production", now };
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface Measured {
  readonly value?: number;
  readonly lower?: number;
  readonly finishedOn?: string;
  readonly expiresOn?: string;
  readonly environment?: string;
  readonly thresholds?: readonly EvidenceThreshold[];
  readonly signer?: Signer;
  readonly of?: string;
  readonly n?: number;
  readonly result?: "failed";
}

async function robustness(measured: Measured = {}): Promise<Exhibit> {
  const {
    value = 0.8,
    lower = value - 0.05,
    finishedOn = "2026-06-29T12:00:00Z",
    expiresOn = "2026-12-31T00:00:00Z",
    environment,
    thresholds = [],
    signer = own,
    of = model,
    n = 500,
    result = thresholds.length > 0 ? "passed" : "measured",
  } = measured;
  const statement = attestationOf(
    "robustness",
    [subjectOf("model", "model.onnx", of), subjectOf("data", "test.npz", data)],
    {
      tool: { name: "casemate", version: "0.1.0" },
      method: "test",
      ...parametersWithDigest({ attack: "autoattack" }),
      metrics: [{ name: "robust accuracy", value, interval: { lower, upper: 1, confidence: 0.95 }, n }],
      startedOn: "2026-06-01T12:00:00Z",
      finishedOn,
      expiresOn,
      thresholds,
      scope: environment === undefined ? {} : { environment },
      result,
      threat: { norm: "linf", epsilons: [0.2] },
      checks: [{ id: "autoattack", status: "completed" }],
      warnings: [],
    },
  );
  return {
    id: "evidence",
    bundle: bundleOf(await signStatement(statement, [signer]), signer.publicKey),
  };
}

async function scan(verdict: "clean" | "suspicious", digests: readonly string[]): Promise<Exhibit> {
  const subjects = digests.map((digest, index) => subjectOf("model", `${index}`, digest));
  const statement = attestationOf("scan", subjects, {
    tool: { name: "casemate", version: "0.1.0" },
    method: "examine",
    ...parametersWithDigest({}),
    metrics: [],
    startedOn: "2026-06-29T12:00:00Z",
    finishedOn: "2026-06-29T12:00:00Z",
    expiresOn: "2026-12-31T00:00:00Z",
    thresholds: [],
    scope: {},
    result: "measured",
    verdict,
    findings: [],
  });
  return { id: "scan", bundle: bundleOf(await signStatement(statement, [own]), own.publicKey) };
}

const policyOf = (requirement: object, rest: object = {}) =>
  parseGatePolicy(
    Buffer.from(
      JSON.stringify({ name: "production", requirements: [{ kind: "robustness", ...requirement }], ...rest }),
    ),
  );
const atLeastHalf = { metrics: [{ metric: "robust accuracy", atLeast: 0.5 }] };

async function lineOf(
  requirement: object,
  measured: Measured | undefined,
  exhibit: Partial<Exhibit> = {},
  rest: object = {},
) {
  const exhibits = measured === undefined ? [] : [{ ...(await robustness(measured)), ...exhibit }];
  const { lines, passes } = evaluateGate(policyOf(requirement, rest), exhibits, subject, context);
  expect(passes).toBe(lines[0]!.status === "met");
  return lines[0]!;
}

test("evidence that is enough, recent, for this place and by a trusted key meets a requirement, which says by how much", async () => {
  expect(
    await lineOf(
      {
        ...atLeastHalf,
        maximumAgeDays: 30,
        signers: ["auditor"],
        data,
        minimumSamples: 500,
        threat: { norm: "linf", epsilon: 0.2 },
        checks: ["autoattack"],
      },
      { environment: "production" },
    ),
  ).toEqual({
    requirement: "robustness: robust accuracy at least 0.5",
    status: "met",
    reason: "robust accuracy 0.8 (at least 0.5), signed by auditor",
    evidence: ["evidence"],
  });
});

test.each<[string, object, Measured | undefined, string, string]>([
  ["nothing", atLeastHalf, undefined, "missing", "there is no robustness attestation about it"],
  ["about another model", atLeastHalf, { of: "ef".repeat(32) }, "missing", "there is no robustness attestation"],
  [
    "below the threshold",
    atLeastHalf,
    { value: 0.41, lower: 0.4 },
    "failing",
    "robust accuracy is 0.41; expected at least 0.5",
  ],
  [
    "below it at the interval's end",
    { metrics: [{ metric: "robust accuracy", atLeast: 0.5, use: "lower" }] },
    { value: 0.52, lower: 0.47 },
    "failing",
    "the lower end of the interval of robust accuracy is 0.47",
  ],
  [
    "something else was measured",
    { metrics: [{ metric: "clean accuracy", atLeast: 0.5 }] },
    {},
    "failing",
    "clean accuracy was not measured",
  ],
  [
    "on few samples",
    { ...atLeastHalf, minimumSamples: 1000 },
    {},
    "failing",
    "measured on 500 samples; expected at least 1000",
  ],
  [
    "no threshold was fixed",
    { metrics: [{ metric: "robust accuracy", atLeast: 0.5, fixedBeforehand: true }] },
    {},
    "failing",
    "no threshold of at least 0.5 on robust accuracy was approved before",
  ],
  [
    "by a weaker attacker",
    { ...atLeastHalf, threat: { norm: "linf", epsilon: 0.3 } },
    {},
    "failing",
    "attacked within linf 0.2; expected at least linf 0.3",
  ],
  [
    "by an attacker of another kind",
    { ...atLeastHalf, threat: { norm: "l2", epsilon: 0.1 } },
    {},
    "failing",
    "attacked within linf 0.2; expected at least l2 0.1",
  ],
  [
    "without a check",
    { ...atLeastHalf, checks: ["autoattack", "worst-case"] },
    {},
    "failing",
    "the check worst-case was not completed",
  ],
  [
    "too old",
    { ...atLeastHalf, maximumAgeDays: 7 },
    { finishedOn: "2026-06-20T12:00:00Z" },
    "stale",
    "10.0 days old; expected at most 7",
  ],
  ["expired", atLeastHalf, { expiresOn: "2026-06-30T12:00:00Z" }, "stale", "expired on 2026-06-30"],
  ["from the future", atLeastHalf, { finishedOn: "2026-07-01T12:00:00Z" }, "untrusted", "ends in the future"],
  ["for staging", atLeastHalf, { environment: "staging" }, "out of scope", "measured for staging, not for production"],
  ["on other data", { ...atLeastHalf, data: model.replace("a", "9") }, {}, "out of scope", "measured on other data"],
  [
    "by another key than asked",
    { ...atLeastHalf, signers: ["release team"] },
    {},
    "untrusted",
    "signed by auditor; expected release team",
  ],
])("%s", async (_, requirement, measured, status, reason) => {
  expect(await lineOf(requirement, measured)).toMatchObject({ status, reason: expect.stringContaining(reason) });
});

test("what passes without a threshold says so", async () => {
  expect(await lineOf({}, {})).toMatchObject({
    status: "met",
    reason: "signed by auditor, the policy sets no threshold for it",
  });
});

test("a threshold that was fixed beforehand and is as strict meets the rule", async () => {
  const thresholds = [
    { metric: "robust accuracy", atLeast: 0.6, approvedBy: "board", approvedOn: "2026-05-01T00:00:00Z" },
  ];
  const rule = { metrics: [{ metric: "robust accuracy", atLeast: 0.5, fixedBeforehand: true }] };
  expect(await lineOf(rule, { thresholds })).toMatchObject({ status: "met" });
});

test("a threshold on the value does not stand for one on the lower end of the interval", async () => {
  const approved = { metric: "robust accuracy", atLeast: 0.6, approvedBy: "board", approvedOn: "2026-05-01T00:00:00Z" };
  const rule = { metric: "robust accuracy", atLeast: 0.5, fixedBeforehand: true };
  const lower = { metrics: [{ ...rule, use: "lower" }] };
  expect(await lineOf(lower, { thresholds: [approved] })).toMatchObject({ status: "failing" });
  expect(await lineOf(lower, { thresholds: [{ ...approved, use: "lower" }] })).toMatchObject({ status: "met" });
  expect(await lineOf({ metrics: [rule] }, { thresholds: [{ ...approved, use: "lower" }] })).toMatchObject({
    status: "met",
  });
});

test("evidence that missed its own thresholds fails, unless the policy says that it does not matter", async () => {
  const thresholds = [
    { metric: "robust accuracy", atLeast: 0.9, approvedBy: "board", approvedOn: "2026-05-01T00:00:00Z" },
  ];
  const failed = { thresholds, result: "failed" as const };
  expect(await lineOf({}, failed)).toMatchObject({
    status: "failing",
    reason: "the result is failed; expected passed or warned or measured",
  });
  expect(await lineOf({ results: ["failed", "passed"] }, failed)).toMatchObject({ status: "met" });
});

test("what was measured with, the data, is not what passes", async () => {
  const { bundle } = await robustness({ of: "ef".repeat(32) });
  const files = [
    { path: "model.onnx", sha256: model },
    { path: "test.npz", sha256: data },
  ];
  expect(evaluateGate(policyOf(atLeastHalf), [{ id: "other", bundle }], { files }, context).lines[0]).toMatchObject({
    status: "missing",
  });
});

test("a scan counts where it is of every file, and clean unless the policy says otherwise", async () => {
  const config = "12".repeat(32);
  const files = [
    { path: "model.onnx", sha256: model },
    { path: "config.json", sha256: config },
  ];
  const lineAbout = async (verdict: "clean" | "suspicious", digests: readonly string[], requirement: object = {}) => {
    const exhibit = await scan(verdict, digests);
    return evaluateGate(policyOf({ kind: "scan", ...requirement }), [exhibit], { files, root: data }, context).lines[0]!
      .status;
  };
  expect(await lineAbout("clean", [model, config])).toBe("met");
  expect(await lineAbout("clean", [data])).toBe("met");
  expect(await lineAbout("clean", [config])).toBe("missing");
  expect(await lineAbout("suspicious", [model, config])).toBe("failing");
  expect(await lineAbout("suspicious", [model, config], { verdicts: ["clean", "suspicious"] })).toBe("met");
});

test("a signature counts where it is of exactly these files", async () => {
  const place = join(folder, "signed");
  await mkdir(place);
  await writeFile(join(place, "a.bin"), "a");
  await writeFile(join(place, "b.bin"), "b");
  const { bundle } = await resultOf(signModel(place, release));
  const status = async () => {
    const found = await resultOf(readGateSubject(place));
    return evaluateGate(policyOf({ kind: "model" }), [{ id: "model.sig", bundle }], found, context).lines[0]!;
  };
  expect(await status()).toMatchObject({ status: "met", reason: "signed by release" });
  await writeFile(join(place, "c.bin"), "c");
  expect(await status()).toMatchObject({ status: "missing", reason: "nobody has signed exactly these files" });
  await rm(join(place, "c.bin"));
  await rm(join(place, "b.bin"));
  expect(await status()).toMatchObject({ status: "missing" });
});

test("a stranger's signature, a changed payload and evidence that no log has are untrusted", async () => {
  expect(await lineOf(atLeastHalf, { signer: stranger })).toMatchObject({
    status: "untrusted",
    reason: expect.stringContaining("is not in the key ring"),
  });
  const { bundle } = await robustness({ value: 0.4, lower: 0.3 });
  const payload = Buffer.from(
    Buffer.from(bundle.envelope.payload, "base64").toString().replace('"value":0.4', '"value":0.9'),
  ).toString("base64");
  const changed = { ...bundle, envelope: { ...bundle.envelope, payload } };
  expect(await lineOf(atLeastHalf, {}, { bundle: changed })).toMatchObject({
    status: "untrusted",
    reason: expect.stringContaining("expected signatures by"),
  });
  expect(await lineOf(atLeastHalf, {}, {}, { log: true })).toMatchObject({
    status: "untrusted",
    reason: "no transparency log has it",
  });
  expect(await lineOf(atLeastHalf, {}, { isLogged: true }, { log: true })).toMatchObject({ status: "met" });
});

test("the exhibit that comes nearest is the one that is told of", async () => {
  const exhibits = [
    { ...(await robustness({ signer: stranger })), id: "stranger" },
    { ...(await robustness({ value: 0.4, lower: 0.3 })), id: "weak" },
    { ...(await robustness({ expiresOn: "2026-06-30T00:00:00Z" })), id: "old" },
  ];
  expect(evaluateGate(policyOf(atLeastHalf), exhibits, subject, context).lines[0]).toMatchObject({
    status: "failing",
    evidence: ["weak"],
  });
});

test.each([
  [
    { name: "p", requirements: [{ kind: "robustness", metrics: [{ metric: "m" }] }] },
    "requirements/0: m: expected atLeast or atMost",
  ],
  [{ name: "p", requirements: [{ kind: "robustness", verdicts: ["clean"] }] }, "only scans have verdicts"],
  [{ name: "p", requirements: [{ kind: "luck" }] }, "requirements/0/kind"],
  [{ name: "p", requirements: [{ kind: "scan", checks: ["c"] }] }, "only robustness has a threat and checks"],
  [{ name: "p", requirements: [{ kind: "scan", persons: 2 }] }, "only approvals are given by persons"],
  [{ name: "p" }, "requirements"],
])("the policy %j is refused", (policy, message) => {
  expect(() => parseGatePolicy(Buffer.from(JSON.stringify(policy)))).toThrow(message);
});
