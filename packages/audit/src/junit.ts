import type { AuditReport, CheckReport, GateResult, SubjectReport } from "./report.ts";

/**
 * The report as JUnit XML: a suite for each model and one for the gate. A check that failed or did not run is an error and
 * a gate rule that was not met a failure; what a check found is no failure of its own, that is for the gate to say.
 */
export function renderJunit(report: AuditReport): string {
  const suites = [
    ...report.subjects.map((subject) => ({ name: subject.name, cases: subjectCases(subject) })),
    ...(report.gate ? [{ name: "gate", cases: gateCases(report.gate) }] : []),
  ];
  const body = suites.map(({ name, cases }) =>
    element("testsuite", { name, timestamp: report.startedAt, ...totals(cases) }, cases.map(render)),
  );
  const all = suites.flatMap(({ cases }) => cases);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("testsuites", { name: "casemate audit", ...totals(all) }, body)}\n`;
}

interface Case {
  readonly classname: string;
  readonly name: string;
  readonly seconds: number;
  readonly problem?: { readonly type: "error" | "failure"; readonly message: string };
  readonly output?: string;
}

function subjectCases({ name: classname, checks, notRun }: SubjectReport): readonly Case[] {
  return [
    ...checks.map(
      (check): Case => ({
        classname,
        name: check.id,
        seconds: check.seconds,
        ...(check.status === "failed" && { problem: { type: "error", message: check.error ?? "no reason was given" } }),
        output: outputOf(check),
      }),
    ),
    ...notRun.map(
      (name): Case => ({
        classname,
        name,
        seconds: 0,
        problem: { type: "error", message: "planned, but did not run" },
      }),
    ),
  ];
}

function gateCases({ rules }: GateResult): readonly Case[] {
  return rules.map(({ subject, rule, met, reason }) => ({
    classname: `gate.${subject}`,
    name: rule,
    seconds: 0,
    ...(met ? { output: reason } : { problem: { type: "failure", message: reason } }),
  }));
}

function outputOf({ metrics, warnings }: CheckReport): string {
  return [
    ...metrics.map(
      ({ name, value, interval }) => `${name} ${value}${interval ? ` [${interval.lower}, ${interval.upper}]` : ""}`,
    ),
    ...warnings.map(({ id, message }) => `warning ${id}: ${message}`),
  ].join("\n");
}

function render({ classname, name, seconds, problem, output }: Case): string {
  const children = [
    ...(problem ? [element(problem.type, { message: problem.message, type: problem.type }, [])] : []),
    ...(output ? [`<system-out>${escapeXml(output)}</system-out>`] : []),
  ];
  return element("testcase", { classname, name, time: seconds.toFixed(3) }, children);
}

function totals(cases: readonly Case[]) {
  const count = (type: "error" | "failure") => cases.filter(({ problem }) => problem?.type === type).length;
  const seconds = cases.reduce((sum, { seconds }) => sum + seconds, 0);
  return { tests: cases.length, failures: count("failure"), errors: count("error"), time: seconds.toFixed(3) };
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly string[],
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`);
  const open = `<${name}${written.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>\n${children.join("\n")}\n</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Escapes for both text and attributes; what XML 1.0 cannot hold becomes U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
