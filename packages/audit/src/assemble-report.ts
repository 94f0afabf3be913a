import { AuditError } from "./errors.ts";
import type { AuditEvent, Interruption, PlannedSubject } from "./events.ts";
import type { AuditReport, CheckReport, ComparisonReport, SubjectReport } from "./report.ts";
import { version } from "./version.ts";

type Started = Extract<AuditEvent, { type: "started" }>;
type Findings = Extract<AuditEvent, { type: "findings" }>;

/** Gathers events; at any moment `report` says what is known so far, so an audit that ends early still has a report. */
export class ReportAssembly {
  #started: Started | undefined;
  readonly #results = new Map<string, CheckReport[]>();
  readonly #findings = new Map<string, Findings>();
  readonly #comparisons: ComparisonReport[] = [];

  /** Whether there is anything to report. */
  get hasStarted(): boolean {
    return this.#started !== undefined;
  }

  /** Whether every planned check has a result. */
  get isComplete(): boolean {
    const planned = this.#started?.subjects.flatMap(({ name, checks }) => checks.map(({ id }) => ({ name, id }))) ?? [];
    return this.hasStarted && planned.every(({ name, id }) => this.#results.get(name)?.some((each) => each.id === id));
  }

  add(event: AuditEvent): void {
    switch (event.type) {
      case "started":
        this.#started = event;
        break;
      case "check-finished":
        this.#results.set(event.subject, [...(this.#results.get(event.subject) ?? []), event.result]);
        break;
      case "findings":
        this.#findings.set(event.subject, event);
        break;
      case "compared":
        this.#comparisons.push(...event.comparisons);
        break;
      case "check-started":
      case "progress":
        break;
    }
  }

  /** The report so far: partial where an interruption is given. Throws INTERRUPTED if nothing has started. */
  report(finishedAt: Date, interruption?: Interruption): AuditReport {
    if (!this.#started) {
      throw new AuditError("INTERRUPTED", `${interruption?.message ?? "the audit ended"} before any check started`);
    }
    const { startedAt, settings, subjects } = this.#started;
    return {
      schema: "https://casemate.dev/schemas/audit-report/1",
      tool: { name: "casemate", version },
      status: interruption ? "partial" : "complete",
      ...(interruption && { interruption }),
      startedAt,
      finishedAt: finishedAt.toISOString(),
      settings,
      subjects: subjects.map((subject) => this.#subjectReport(subject)),
      ...(subjects.length > 1 && { comparisons: this.#comparisons }),
    };
  }

  #subjectReport({ name, scan, model, data, contract, assumptions, checks: planned }: PlannedSubject): SubjectReport {
    const checks = this.#results.get(name) ?? [];
    const findings = this.#findings.get(name);
    const finished = new Set(checks.map(({ id }) => id));
    return {
      name,
      scan,
      model,
      data,
      contract,
      assumptions: [...new Set([...assumptions, ...(findings?.assumptions ?? [])])],
      checks,
      notRun: planned.filter(({ id }) => !finished.has(id)).map(({ id }) => id),
      perClass: findings?.perClass ?? [],
      gallery: findings?.gallery ?? [],
    };
  }
}
