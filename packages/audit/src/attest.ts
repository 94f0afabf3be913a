import { basename } from "node:path";
import {
  attestationOf,
  digestOf,
  type EvidenceMetric,
  type EvidenceRecord,
  type EvidenceThreshold,
  meetsThreshold,
  type PredicateOf,
  parametersWithDigest,
  type Statement,
  type Subject,
  subjectOf,
} from "@casemate/evidence";
import type { ScanReport } from "@casemate/scan";
import { AuditError } from "./errors.ts";
import type { AuditReport, CheckReport, SubjectReport } from "./report.ts";

export interface AttestOptions {
  /** From when on the evidence is stale. */
  readonly expiresOn: Date;
  /** What was approved before the audit started. Without any, the result is "measured". */
  readonly thresholds?: readonly EvidenceThreshold[];
  readonly scope?: EvidenceRecord["scope"];
  /** SHA-256 of the report's file. */
  readonly reportDigest?: string;
}

/**
 * What an audit measured on one of its models, as a statement to be signed: about the digests of model, data and contract. Metrics go by
 * `check/metric`; `accuracy.clean` and `accuracy.robust` stand for the model, the second only where all attacks that were planned have
 * run. Throws INVALID_OPTION, and MALFORMED (EvidenceError) for thresholds that were approved too late.
 */
export function attestAudit(
  report: AuditReport,
  modelName: string | undefined,
  options: AttestOptions,
): Statement<PredicateOf<"robustness">> {
  const subject = subjectNamed(report, modelName);
  const { settings, tool, startedAt, finishedAt } = report;
  const { command: _, norm, ...rest } = settings;
  const metrics = [...headline(subject), ...subject.checks.flatMap(metricsOf)];
  const parameters = {
    ...rest,
    norm,
    samples: subject.data.samples,
    checks: Object.fromEntries(subject.checks.map(({ id, parameters }) => [id, parameters])),
  };
  return attestationOf("robustness", subjectsOf(subject), {
    ...recordOf({ tool, startedAt, finishedAt, parameters, metrics }, options),
    seed: settings.seed,
    threat: { norm, epsilons: settings.epsilons },
    checks: [
      ...subject.checks.map(({ id, status }) => ({ id, status })),
      ...subject.notRun.map((id) => ({ id, status: "failed" as const })),
    ],
    warnings: [...new Set(subject.checks.flatMap(({ warnings }) => warnings.map(({ id }) => id)))],
  });
}

/** What a scan found, as a statement about every file that it has a digest of. Throws INVALID_OPTION where there is none. */
export function attestScan(report: ScanReport, options: AttestOptions): Statement<PredicateOf<"scan">> {
  const subjects = report.files.flatMap(({ path, sha256 }) =>
    sha256 === undefined ? [] : [subjectOf("model", path, sha256)],
  );
  if (subjects.length === 0) {
    throw new AuditError("INVALID_OPTION", "the scan has no digest of any file: scan again without --no-crc");
  }
  const counts = new Map<string, { rule: string; severity: string; count: number }>();
  for (const { rule, severity, suppressed } of report.files.flatMap(({ findings }) => findings)) {
    if (suppressed !== undefined) continue;
    const key = `${rule} ${severity}`;
    counts.set(key, { rule, severity, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const metrics = Object.entries(report.counts).map(([verdict, value]) => ({
    name: `files.${verdict}`,
    value,
    unit: "count",
    n: report.files.length,
  }));
  const { tool, startedAt, finishedAt, verdict } = report;
  return attestationOf("scan", subjects, {
    ...recordOf({ tool, startedAt, finishedAt, parameters: {}, metrics }, options),
    method: "examine",
    verdict,
    findings: [...counts.values()],
  });
}

interface Measurement {
  readonly tool: { readonly name: string; readonly version: string };
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metrics: readonly EvidenceMetric[];
}

function recordOf(
  { tool, startedAt, finishedAt, parameters, metrics }: Measurement,
  { expiresOn, thresholds = [], scope = {}, reportDigest }: AttestOptions,
): EvidenceRecord {
  const isMet = thresholds.every((threshold) => meetsThreshold(metrics, threshold) === true);
  return {
    tool: { name: tool.name, version: tool.version },
    method: "test",
    ...parametersWithDigest(parameters),
    metrics,
    startedOn: startedAt,
    finishedOn: finishedAt,
    expiresOn: expiresOn.toISOString(),
    thresholds,
    scope,
    result: thresholds.length === 0 ? "measured" : isMet ? "passed" : "failed",
    ...(reportDigest !== undefined && { report: { digest: { sha256: reportDigest }, mediaType: "application/json" } }),
  };
}

function subjectsOf({ model, data, contract }: SubjectReport): readonly Subject[] {
  return [
    subjectOf("model", basename(model.path), model.sha256),
    subjectOf("data", basename(data.path), data.sha256),
    subjectOf("contract", "contract", digestOf(contract)),
  ];
}

/** The two numbers that stand for a model, where they were measured whole. */
function headline({ checks, notRun }: SubjectReport): readonly EvidenceMetric[] {
  const attacks = checks.filter(({ kind }) => kind === "attack");
  const isWhole = notRun.length === 0 && attacks.every(({ status }) => status === "completed");
  const together = attacks.find(({ id }) => id === "worst-case") ?? (attacks.length === 1 ? attacks[0] : undefined);
  const clean = checks.flatMap(({ metrics }) => metrics).find(({ name }) => name === "accuracy.clean");
  const robust = isWhole ? together?.metrics.find(({ name }) => name === "accuracy.robust") : undefined;
  return [clean, robust].flatMap((metric) => (metric === undefined ? [] : [evidenceOf(metric, metric.name)]));
}

function metricsOf({ id, metrics }: CheckReport): readonly EvidenceMetric[] {
  return metrics.map((metric) => evidenceOf(metric, `${id}/${metric.name}`));
}

function evidenceOf({ value, unit, interval, of }: CheckReport["metrics"][number], name: string): EvidenceMetric {
  return { name, value, unit, ...(interval !== undefined && { interval }), ...(of !== undefined && { n: of }) };
}

function subjectNamed({ subjects }: AuditReport, name: string | undefined): SubjectReport {
  const [first, ...others] = subjects;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const found = subjects.find((subject) => subject.name === name);
  if (found !== undefined) return found;
  const names = subjects.map((subject) => subject.name).join(", ");
  throw new AuditError(
    "INVALID_OPTION",
    `expected the name of one model of the report (${names}), got ${name ?? "none"}`,
  );
}
