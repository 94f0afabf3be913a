import { AuditError } from "./errors.ts";
import type { AuditReport, CheckReport, GateResult, SubjectReport } from "./report.ts";
import { GateFile, type GateRule, MetricRule, RegressionRule, StatusRule, WarningsRule } from "./schemas/gate.ts";
import { violationOf } from "./schemas/validate.ts";

/** The rules of a gate file and where they stand. */
export interface Gate {
  readonly path: string;
  readonly rules: readonly GateRule[];
}

/** Reads a gate file. Throws INVALID_GATE, naming `where` and the rule that is wrong. */
export function parseGate(json: unknown, where: string): Gate {
  const violation = violationInRules(json) ?? violationOf(GateFile, json);
  if (violation !== undefined) throw new AuditError("INVALID_GATE", `${where}: ${violation}`);
  return { path: where, rules: (json as { rules: GateRule[] }).rules };
}

/** Holds a report to a gate. A failed or not-run check never meets a rule, and neither does a rule that matches nothing. */
export function evaluateGate(gate: Gate, report: AuditReport): GateResult {
  const rules = gate.rules.flatMap((rule) => outcomesOf(rule, report));
  return { path: gate.path, met: rules.every(({ met }) => met), rules };
}

type Outcome = GateResult["rules"][number];

function outcomesOf(rule: GateRule, report: AuditReport): readonly Outcome[] {
  const words = wordsOf(rule);
  if ("regressions" in rule) return regressionOutcomes(rule, report, words);
  const subjects = report.subjects.filter(({ name }) => matches(rule.subject ?? "*", name));
  if (subjects.length === 0) {
    return [{ subject: rule.subject ?? "*", rule: words, met: false, reason: "no model of the audit matches" }];
  }
  return subjects.flatMap((subject) => {
    const outcomes = outcomesFor(rule, subject);
    const found = outcomes.length > 0 ? outcomes : [{ met: false, reason: nothing(rule) }];
    return found.map((outcome) => ({ subject: subject.name, rule: words, ...outcome }));
  });
}

/** One outcome for each comparison that matches; none that matches is not met, since nothing was compared. */
function regressionOutcomes(
  rule: RegressionRule,
  { comparisons = [] }: AuditReport,
  words: string,
): readonly Outcome[] {
  const pattern = rule.subject ?? "*";
  const found = comparisons
    .filter(({ candidate, metric }) => matches(pattern, candidate) && metric === (rule.metric ?? metric))
    .map(({ baseline, candidate, metric, difference, pValue, verdict }) => ({
      subject: candidate,
      rule: words,
      met: verdict !== "worse",
      actual: difference,
      reason: `${metric} differs by ${round(difference)} from ${baseline} (p ${round(pValue)}): ${verdict}`,
    }));
  return found.length > 0
    ? found
    : [{ subject: pattern, rule: words, met: false, reason: "no two models were compared on the same samples" }];
}

type Finding = Omit<Outcome, "subject" | "rule">;

function outcomesFor(rule: Exclude<GateRule, RegressionRule>, subject: SubjectReport): readonly Finding[] {
  const pattern = rule.check ?? "*";
  const checks = subject.checks.filter(({ id }) => matches(pattern, id));
  const untested = [
    ...checks
      .filter(({ status }) => status === "failed")
      .map(({ id, error }) => ({ id, why: `failed: ${error ?? "no reason given"}` })),
    ...subject.notRun.filter((id) => matches(pattern, id)).map((id) => ({ id, why: "was not run" })),
  ].map(({ id, why }): Finding => ({ met: false, reason: `${id} ${why}` }));
  const completed = checks.filter(({ status }) => status === "completed");
  if ("metric" in rule) return [...completed.flatMap((check) => metricFinding(rule, check)), ...untested];
  if ("status" in rule) return [...completed.map(({ id }) => ({ met: true, reason: `${id} completed` })), ...untested];
  return completed.length > 0 ? [warningsFinding(rule, completed), ...untested] : untested;
}

function metricFinding(rule: MetricRule, check: CheckReport): readonly Finding[] {
  const metric = check.metrics.find(({ name }) => name === rule.metric);
  if (!metric)
    return rule.check.includes("*") ? [] : [{ met: false, reason: `${check.id} has no metric ${rule.metric}` }];
  const use = rule.use ?? "value";
  const actual = use === "value" ? metric.value : metric.interval?.[use];
  const name = `${use === "value" ? "" : `${use} bound of `}${metric.name} of ${check.id}`;
  if (actual === undefined) return [{ met: false, reason: `${metric.name} of ${check.id} has no interval` }];
  const { atLeast, atMost } = rule;
  // written so that NaN meets nothing
  if (atLeast !== undefined && !(actual >= atLeast)) {
    return [{ met: false, actual, reason: `${name} is ${round(actual)}, below the ${atLeast} that the gate asks for` }];
  }
  if (atMost !== undefined && !(actual <= atMost)) {
    return [{ met: false, actual, reason: `${name} is ${round(actual)}, above the ${atMost} that the gate allows` }];
  }
  return [{ met: true, actual, reason: `${name} is ${round(actual)}` }];
}

function warningsFinding(rule: WarningsRule, checks: readonly CheckReport[]): Finding {
  const warnings = checks.flatMap((check) => check.warnings).filter(({ id }) => !rule.except?.includes(id));
  const ids = [...new Set(warnings.map(({ id }) => id))].join(", ");
  const reason =
    warnings.length === 0
      ? "no warnings"
      : `${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}: ${ids}`;
  return { met: warnings.length === 0, actual: warnings.length, reason };
}

function wordsOf(rule: GateRule): string {
  if ("regressions" in rule) return `no regression${rule.metric === undefined ? "" : ` of ${rule.metric}`}`;
  if ("metric" in rule) {
    const limits = [
      rule.atLeast === undefined ? [] : `at least ${rule.atLeast}`,
      rule.atMost === undefined ? [] : `at most ${rule.atMost}`,
    ].flat();
    const use = rule.use === undefined || rule.use === "value" ? "" : ` (${rule.use} bound)`;
    return `${rule.check}: ${rule.metric}${use} ${limits.join(" and ")}`;
  }
  if ("status" in rule) return `${rule.check}: completed`;
  return `${rule.check ?? "*"}: no warnings${rule.except?.length ? ` except ${rule.except.join(", ")}` : ""}`;
}

function nothing(rule: Exclude<GateRule, RegressionRule>): string {
  return "metric" in rule
    ? `no check matches '${rule.check}' and has the metric ${rule.metric}`
    : `no check matches '${rule.check ?? "*"}'`;
}

function round(value: number): string {
  return String(Math.round(value * 1e4) / 1e4);
}

/** Whether a name fits a pattern in which "*" stands for any run of characters; linear in the length of both. */
function matches(pattern: string, name: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  const last = parts.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of parts) {
    const at = name.indexOf(part, from);
    if (at < 0 || at + part.length > name.length - last.length) return false;
    from = at + part.length;
  }
  return true;
}

/** What is wrong with the first wrong rule, judged as the kind of rule that its keys say it is. */
function violationInRules(json: unknown): string | undefined {
  const rules = json instanceof Object && "rules" in json && Array.isArray(json.rules) ? json.rules : [];
  for (const [index, rule] of rules.entries()) {
    if (!(rule instanceof Object)) continue;
    const schema =
      "regressions" in rule
        ? RegressionRule
        : "metric" in rule
          ? MetricRule
          : "status" in rule
            ? StatusRule
            : "warnings" in rule
              ? WarningsRule
              : undefined;
    if (!schema) return `rule ${index + 1} has neither metric, status, warnings nor regressions`;
    const violation = violationOf(schema, rule);
    if (violation === undefined) continue;
    const needsThreshold = schema === MetricRule && !("atLeast" in rule) && !("atMost" in rule);
    return `rule ${index + 1}: ${needsThreshold ? "needs atLeast or atMost" : violation}`;
  }
  return undefined;
}
