import { type AuditReport, type CheckReport, type SubjectReport, verdictOf } from "@casemate/audit";
import type { Console } from "./console.ts";
import { table } from "./table.ts";

/** What a person wants to know at the end: a table with a column per model, warnings, the gate, and where the report is. */
export function summaryOf(report: AuditReport, reportPath: string, paint: Console["printPaint"]): string {
  const { subjects, interruption, gate } = report;
  const warnings = subjects.flatMap(({ name, checks }) =>
    checks.flatMap((check) => check.warnings.map(({ id, message }) => `${paint.yellow(id)} ${name}: ${message}`)),
  );
  const notes = subjects.flatMap(({ name, checks }) =>
    checks.flatMap((check) => (check.notes ?? []).map((note) => `${paint.bold(check.id)} ${name}: ${note}`)),
  );
  const failures = subjects.flatMap(({ name, checks }) =>
    checks
      .filter(({ status }) => status === "failed")
      .map(({ title, error }) => `${paint.red("failed")} ${name}: ${title}: ${error ?? "no reason given"}`),
  );
  const scans = subjects.flatMap(({ name, scan }) =>
    scan && scan.verdict !== "clean"
      ? [
          `${paint.red(scan.verdict)} ${name}: ${scan.findings.map(({ rule, evidence }) => `${rule}: ${evidence}`).join("; ")}`,
        ]
      : [],
  );
  const missing = subjects
    .filter(({ notRun }) => notRun.length > 0)
    .map(({ name, notRun }) => `${paint.red("not run")} ${name}: ${notRun.join(", ")}`);
  const rules = (gate?.rules ?? []).map(
    ({ met, subject, rule, reason }) =>
      `${met ? paint.green("met") : paint.red("NOT MET")} ${subject}: ${rule} (${reason})`,
  );
  const compared = (report.comparisons ?? []).map(
    ({ baseline, candidate, metric, difference, pValue, verdict, samples }) =>
      `${verdict === "worse" ? paint.red(verdict) : verdict} ${candidate} against ${baseline}: ${metric} ${difference < 0 ? "" : "+"}${(difference * 100).toFixed(1)} points on ${samples} samples (p ${pValue.toPrecision(2)})`,
  );
  return [
    "",
    ...(interruption ? [`${paint.red("This report is partial:")} ${interruption.message}.`, ""] : []),
    resultTable(subjects, paint),
    ...section("", [...scans, ...warnings, ...notes, ...failures, ...missing]),
    ...section("", compared),
    ...section(gate ? `Gate ${gate.met ? paint.green("met") : paint.red("not met")}` : "", rules),
    "",
    `Report: ${reportPath}`,
  ].join("\n");
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...(title === "" ? [] : [title]), ...lines];
}

function resultTable(subjects: readonly SubjectReport[], paint: Console["printPaint"]): string {
  const titles = new Map(subjects.flatMap(({ checks }) => checks.filter(share).map(({ id, title }) => [id, title])));
  const rows = [...titles].map(([id, title]) => [
    title,
    ...subjects.map(({ checks }) => cell(checks.find((check) => check.id === id))),
  ]);
  const verdicts = ["Verdict", ...subjects.map((subject) => verdictOf(subject).title)];
  const head = ["still right", ...subjects.map(({ name }) => name)];
  return table([head.map(paint.bold), ...rows, verdicts.map(paint.bold)]);
}

function share(check: CheckReport): CheckReport["metrics"][number] | undefined {
  return check.metrics.find(({ name }) => name.startsWith("accuracy."));
}

function cell(check: CheckReport | undefined): string {
  const metric = check && share(check);
  if (!metric) return check?.status === "failed" ? "failed" : "–";
  const { value, count, of } = metric;
  return `${(value * 100).toFixed(1)}% (${count} of ${of})`;
}
