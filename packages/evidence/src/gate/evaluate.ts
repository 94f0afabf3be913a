import type { Bundle } from "../bundles/bundle.ts";
import { verifyAttestation } from "../bundles/verify-bundle.ts";
import { EvidenceError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { EvidenceRecord } from "../statements/evidence-record.ts";
import { attestationIn, predicates } from "../statements/predicates.ts";
import type { Statement } from "../statements/statement.ts";
import type { GatePolicy, MetricRule, Requirement } from "./policy.ts";

/** A signed bundle that may count, and what is known of it beside its content. */
export interface Exhibit {
  /** How the lines of the decision name it. */
  readonly id: string;
  readonly bundle: Bundle;
  /** When somebody other than the signer saw it; the present if nobody did. */
  readonly seenAt?: Date;
  readonly isLogged?: boolean;
}

/** What is to pass: a file, or all files of a folder by their paths. Any of the digests, or the root, is a subject. */
export interface GateSubject {
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly root?: string;
}

/** From best to worst. */
export const lineStatuses = ["met", "failing", "stale", "out of scope", "untrusted", "missing"] as const;
export type LineStatus = (typeof lineStatuses)[number];

export interface GateLine {
  readonly requirement: string;
  readonly status: LineStatus;
  /** In plain words. */
  readonly reason: string;
  /** The exhibits that the line is about. */
  readonly evidence: readonly string[];
}

export interface GateDecision {
  readonly policy: string;
  readonly passes: boolean;
  readonly lines: readonly GateLine[];
}

/** Whose signatures count, where and when. */
export interface GateContext {
  readonly ring: KeyRing;
  readonly environment?: string;
  readonly now: Date;
}

/**
 * Holds evidence against a policy: for each requirement the exhibit that comes nearest, and why. Nothing that is damaged, unsigned or
 * signed by a stranger counts; it is named where it would have been needed.
 */
export function evaluateGate(
  policy: GatePolicy,
  exhibits: readonly Exhibit[],
  subject: GateSubject,
  context: GateContext,
): GateDecision {
  const lines = policy.requirements.map((requirement) => {
    const title = titleOf(requirement);
    const found = exhibits
      .flatMap((exhibit) => judge(requirement, policy, exhibit, subject, context))
      .sort((a, b) => lineStatuses.indexOf(a.status) - lineStatuses.indexOf(b.status));
    return {
      requirement: title,
      ...(found[0] ?? { status: "missing" as const, reason: missingReason(requirement), evidence: [] }),
    };
  });
  return { policy: policy.name, passes: lines.every(({ status }) => status === "met"), lines };
}

type Finding = Omit<GateLine, "requirement">;

/** What one exhibit is to one requirement; nothing where it is of another kind, or about something else. */
function judge(
  requirement: Requirement,
  policy: GatePolicy,
  exhibit: Exhibit,
  subject: GateSubject,
  context: GateContext,
): readonly Finding[] {
  const claimed = claimedStatement(exhibit.bundle);
  if (
    claimed === undefined ||
    claimed.predicateType !== predicateTypeOf(requirement.kind) ||
    !isAbout(claimed, subject)
  )
    return [];
  const finding = (status: LineStatus, reason: string): readonly Finding[] => [
    { status, reason, evidence: [exhibit.id] },
  ];
  let verified: ReturnType<typeof verifyAttestation>;
  try {
    const at = exhibit.seenAt ?? context.now;
    const use = {
      kind: requirement.kind,
      ...(context.environment === undefined ? {} : { environment: context.environment }),
    };
    verified = verifyAttestation(exhibit.bundle, { type: "ring", ring: context.ring, at, use });
  } catch (error) {
    if (error instanceof EvidenceError) return finding("untrusted", error.message);
    throw error;
  }
  const { signedBy, statement } = verified;
  const signer = signedBy.type === "key" ? (signedBy.name ?? signedBy.id) : "";
  if (
    requirement.signers !== undefined &&
    !(signedBy.type === "key" && requirement.signers.some((each) => each === signedBy.id || each === signedBy.name))
  )
    return finding("untrusted", `signed by ${signer}; expected ${requirement.signers.join(" or ")}`);
  if (policy.log === true && exhibit.isLogged !== true) return finding("untrusted", "no transparency log has it");
  if (requirement.kind === "model") return finding("met", `signed by ${signer}`);
  try {
    attestationIn(statement);
  } catch (error) {
    if (error instanceof EvidenceError) return finding("untrusted", error.message);
    throw error;
  }
  return finding(...measured(requirement, statement, signer, context));
}

/** Whether what was measured is enough, recent, and for this place. */
function measured(
  requirement: Requirement,
  { subject, predicate }: Statement,
  signer: string,
  { environment, now }: GateContext,
): readonly [LineStatus, string] {
  const record = predicate as unknown as Partial<EvidenceRecord> & { readonly verdict?: string };
  const { data, verdicts, results, metrics = [], maximumAgeDays, minimumSamples } = requirement;
  if (data !== undefined && !subject.some(({ digest }) => digest.sha256 === data))
    return ["out of scope", `measured on other data than ${data}`];
  if (environment !== undefined && record.scope?.environment !== undefined && record.scope.environment !== environment)
    return ["out of scope", `measured for ${record.scope.environment}, not for ${environment}`];
  if (verdicts !== undefined && !verdicts.includes(record.verdict as never))
    return ["failing", `the verdict is ${record.verdict}; expected ${verdicts.join(" or ")}`];
  if (results !== undefined && !results.includes(record.result as never))
    return ["failing", `the result is ${record.result}; expected ${results.join(" or ")}`];
  for (const rule of metrics) {
    const shortfall = shortfallOf(rule, record, minimumSamples);
    if (shortfall !== undefined) return ["failing", shortfall];
  }
  if (record.expiresOn !== undefined && now.getTime() >= Date.parse(record.expiresOn))
    return ["stale", `expired on ${record.expiresOn}`];
  const age = record.finishedOn === undefined ? undefined : (now.getTime() - Date.parse(record.finishedOn)) / DAY;
  if (age !== undefined && age < -CLOCK_SKEW)
    return ["untrusted", `says that it ends in the future, on ${record.finishedOn}`];
  if (maximumAgeDays !== undefined && (age === undefined || age > maximumAgeDays))
    return [
      "stale",
      age === undefined
        ? "does not say when it was measured"
        : `${age.toFixed(1)} days old; expected at most ${maximumAgeDays}`,
    ];
  const values = metrics.map((rule) => `${rule.metric} ${format(measuredValue(rule, record)!)} (${boundsOf(rule)})`);
  return ["met", [...values, `signed by ${signer}`].join(", ")];
}

const DAY = 24 * 60 * 60 * 1000;
const CLOCK_SKEW = 5 / (24 * 60); // five minutes, in days

/** Why a metric is not enough, or undefined. */
function shortfallOf(
  rule: MetricRule,
  record: Partial<EvidenceRecord>,
  minimumSamples: number | undefined,
): string | undefined {
  const { metric, atLeast, atMost, use = "value", fixedBeforehand = false } = rule;
  const value = measuredValue(rule, record);
  const what = use === "value" ? metric : `the ${use} end of the interval of ${metric}`;
  if (value === undefined) return `${what} was not measured`;
  if ((atLeast !== undefined && value < atLeast) || (atMost !== undefined && value > atMost))
    return `${what} is ${format(value)}; expected ${boundsOf(rule)}`;
  const { n } = record.metrics!.find(({ name }) => name === metric)!;
  if (minimumSamples !== undefined && (n === undefined || n < minimumSamples))
    return `${metric} was measured on ${n ?? "an unknown number of"} samples; expected at least ${minimumSamples}`;
  const fixed = (record.thresholds ?? []).some(
    (threshold) =>
      threshold.metric === metric &&
      (atLeast === undefined || (threshold.atLeast !== undefined && threshold.atLeast >= atLeast)) &&
      (atMost === undefined || (threshold.atMost !== undefined && threshold.atMost <= atMost)),
  );
  return fixedBeforehand && !fixed
    ? `no threshold of ${boundsOf(rule)} on ${metric} was approved before the measurement`
    : undefined;
}

function measuredValue(
  { metric, use = "value" }: MetricRule,
  { metrics = [] }: Partial<EvidenceRecord>,
): number | undefined {
  const found = metrics.find(({ name }) => name === metric);
  return use === "value" ? found?.value : found?.interval?.[use];
}

function boundsOf({ atLeast, atMost }: MetricRule): string {
  return [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(" and ");
}

function format(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** What a bundle says it is, before anybody has verified it: only to find out which requirement it is for. */
function claimedStatement({ envelope }: Bundle): Statement | undefined {
  try {
    const value: Partial<Statement> = JSON.parse(Buffer.from(envelope.payload, "base64").toString("utf8"));
    return typeof value?.predicateType === "string" && Array.isArray(value.subject) ? (value as Statement) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a statement names the subject: one of its files or its root, and for a signature all of its files. */
function isAbout(statement: Statement, { files, root }: GateSubject): boolean {
  if (statement.predicateType === MODEL_SIGNATURE) {
    const resources: unknown = statement.predicate?.resources;
    const signed = new Map(
      (Array.isArray(resources) ? resources : []).map(
        (each: { name?: string; digest?: string; algorithm?: string }) => [
          each?.name,
          each?.algorithm === "sha256" ? each.digest : undefined,
        ],
      ),
    );
    // released versions of the reference implementation name a single file "."
    return files.every(
      ({ path, sha256 }) => (signed.get(path) ?? (files.length === 1 ? signed.get(".") : undefined)) === sha256,
    );
  }
  return statement.subject.some(
    (each) =>
      each?.digest?.sha256 !== undefined &&
      (each.digest.sha256 === root || files.some(({ sha256 }) => sha256 === each.digest.sha256)),
  );
}

const MODEL_SIGNATURE = "https://model_signing/signature/v1.0";

function predicateTypeOf(kind: Requirement["kind"]): string {
  return kind === "model" ? MODEL_SIGNATURE : predicates[kind].type;
}

function titleOf({ name, kind, metrics = [] }: Requirement): string {
  return (
    name ??
    [kind === "model" ? "signature" : kind, ...metrics.map((rule) => `${rule.metric} ${boundsOf(rule)}`)].join(": ")
  );
}

function missingReason({ kind }: Requirement): string {
  return kind === "model" ? "nobody has signed exactly these files" : `there is no ${kind} attestation about it`;
}
