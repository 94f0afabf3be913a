import { availableParallelism } from "node:os";
import type { FileReport } from "@casemate/scan";
import { ReportAssembly } from "./assemble-report.ts";
import type { Check, CheckProgress, FinishedCheck, Measurement } from "./checks/check.ts";
import { type Contender, compare } from "./compare.ts";
import type { AuditEvent, Interruption } from "./events.ts";
import { findingsOf } from "./findings.ts";
import type { AuditOptions, SubjectSpec } from "./options.ts";
import { type Plan, planFor } from "./plan.ts";
import type { AuditReport, CheckReport } from "./report.ts";
import { CheckStore } from "./resume.ts";
import { scanModels } from "./scan-models.ts";
import { epsilonAssumption, settingsFor } from "./settings.ts";
import { type OpenSubject, openSubjects } from "./subject.ts";

export interface InProcessOptions extends AuditOptions {
  /** Aborted: end after the step that is running; its reason can be an Interruption, for the report. */
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
}

/**
 * Runs all checks on all subjects, in this process; `auditInChild` does so in one of its own. Throws an AuditError for input
 * that keeps it from starting; after that a check that throws is reported as failed and the rest go on.
 */
export async function* audit(
  specs: readonly SubjectSpec[],
  given: InProcessOptions = {},
): AsyncGenerator<AuditEvent, AuditReport> {
  const options = { ...given, threads: given.threads ?? availableParallelism() };
  const { signal, now = () => new Date() } = options;
  const scans = await scanModels(specs, options);
  const subjects = await openSubjects(specs, options);
  const assembly = new ReportAssembly();
  try {
    for await (const event of sequence(subjects, scans, options, now)) {
      assembly.add(event);
      yield event;
    }
    return assembly.report(now(), assembly.isComplete ? undefined : interruptionOf(signal));
  } finally {
    for (const subject of subjects) await subject.dispose();
  }
}

async function* sequence(
  subjects: readonly OpenSubject[],
  scans: readonly FileReport[],
  options: InProcessOptions & { readonly threads: number },
  now: () => Date,
): AsyncGenerator<AuditEvent, void> {
  const settings = await settingsFor(options, subjects);
  const plans = await Promise.all(
    subjects.map(async (subject) => ({ subject, plan: await planFor(subject, settings) })),
  );
  const store = options.store === undefined ? undefined : await openStore(options.store, plans, settings, options);
  yield {
    type: "started",
    startedAt: now().toISOString(),
    settings,
    subjects: plans.map(({ subject, plan }, index) => ({
      name: subject.name,
      scan: scans[index]!,
      model: subject.modelReport,
      data: subject.dataReport,
      contract: subject.contract,
      assumptions: [...subject.assumptions, ...epsilonAssumption(options, settings), ...plan.assumptions],
      checks: plan.checks.map(({ id, title, cost }) => ({ id, title, cost })),
    })),
  };
  const contenders: Contender[] = [];
  for (const { subject, plan } of plans) {
    const finished = new Map<string, FinishedCheck>();
    contenders.push({ name: subject.name, dataSha256: subject.dataReport.sha256, finished });
    for (const check of plan.checks) {
      if (options.signal?.aborted) return;
      const before = await store?.load(subject.name, check.id);
      const outcome = before ?? (yield* measure(subject, check, finished, options));
      if (outcome === undefined) return;
      if (outcome.result.status === "completed") {
        finished.set(check.id, outcome);
        if (!before) await store?.save(subject.name, outcome);
      }
      yield { type: "check-finished", subject: subject.name, result: outcome.result, resumed: before !== undefined };
      yield findingsOf(subject, finished, plan.mainAttacks);
    }
    await subject.dispose();
    if (contenders.length > 1) yield { type: "compared", comparisons: compare(contenders[0]!, contenders.at(-1)!) };
  }
}

/** Runs one check; undefined if it was interrupted. */
async function* measure(
  subject: OpenSubject,
  check: Check,
  earlier: ReadonlyMap<string, FinishedCheck>,
  { signal }: InProcessOptions,
): AsyncGenerator<AuditEvent, FinishedCheck | undefined> {
  yield { type: "check-started", subject: subject.name, check: check.id };
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  let latest: CheckProgress = { fraction: 0, queries: 0 };
  try {
    const steps = check.run({ subject, earlier, signal });
    let next = await steps.next();
    while (!next.done) {
      latest = next.value;
      yield { type: "progress", subject: subject.name, check: check.id, ...latest };
      signal?.throwIfAborted();
      next = await steps.next();
    }
    const { samples, evidence, gallery, assumptions, ...measurement } = next.value;
    return {
      result: resultOf(check, seconds(), { status: "completed", ...measurement }),
      ...(samples && { samples }),
      ...(evidence && { evidence }),
      ...(gallery && { gallery }),
      ...(assumptions && { assumptions }),
    };
  } catch (error) {
    if (signal?.aborted) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    const nothing = { metrics: [], queries: { forward: latest.queries, backward: 0 } };
    return { result: resultOf(check, seconds(), { status: "failed", error: message, ...nothing }) };
  }
}

type Ending = Pick<CheckReport, "status" | "error"> &
  Pick<Measurement, "metrics" | "queries" | "warnings" | "notes" | "attack">;

function resultOf(check: Check, seconds: number, { warnings = [], ...ending }: Ending): CheckReport {
  const { id, title, kind, citation, taxonomy, parameters } = check;
  return { id, title, kind, citation, taxonomy, parameters, seconds, warnings, ...ending };
}

async function openStore(
  folder: string,
  plans: readonly { readonly subject: OpenSubject; readonly plan: Plan }[],
  { profile, attacks, seed, norm, epsilons }: AuditReport["settings"],
  { resume = false }: InProcessOptions,
): Promise<CheckStore> {
  const fingerprint: Record<string, string | number> = { profile, seed, norm, epsilons: epsilons.join(",") };
  if (attacks) fingerprint.attacks = attacks.join(",");
  fingerprint.subjects = plans.map(({ subject }) => subject.name).join(",");
  for (const { subject } of plans) {
    fingerprint[`the model of ${subject.name}`] = subject.modelReport.sha256;
    fingerprint[`the data of ${subject.name}`] = subject.dataReport.sha256;
    fingerprint[`the number of samples of ${subject.name}`] = subject.samples.length;
    fingerprint[`the contract of ${subject.name}`] = JSON.stringify(subject.contract);
  }
  return CheckStore.open(folder, fingerprint, resume);
}

function interruptionOf(signal: AbortSignal | undefined): Interruption {
  const reason: unknown = signal?.reason;
  if (reason instanceof Object && "reason" in reason && "message" in reason) return reason as Interruption;
  return { reason: "signal", message: reason instanceof Error ? reason.message : String(reason) };
}
