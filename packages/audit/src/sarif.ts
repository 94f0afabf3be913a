import { uriOf } from "@casemate/scan";
import type { AuditReport, CheckReport, SubjectReport, Warning } from "./report.ts";
import { outcomeOfAttack, percent, threat } from "./verdict.ts";

/**
 * The report as a SARIF 2.1.0 log (https://docs.oasis-open.org/sarif/sarif/v2.1.0/): a rule for each check and each
 * warning, a result for each that was planned on each model. A check that failed or did not run is an "open" result, which
 * says that nothing was decided, and an error among the notifications of the run.
 */
export function renderSarif(report: AuditReport): object {
  const every = report.subjects.flatMap(({ checks }) => checks);
  const checks = uniqueBy(every, ({ id }) => id);
  const warnings = uniqueBy(
    every.flatMap(({ warnings }) => warnings),
    ({ id }) => id,
  );
  const planned = uniqueBy(
    report.subjects.flatMap(({ notRun }) => notRun),
    (id) => id,
  );
  const notRun = planned.filter((id) => !checks.some((check) => check.id === id));
  const rules = [...checks.map(checkRule), ...warnings.map(warningRule), ...notRun.map((id) => ({ id }))];
  const ruleIndex = new Map(rules.map(({ id }, index) => [id, index]));
  const results = report.subjects
    .flatMap((subject, index) => resultsOf(subject, index))
    .map((result) => ({ ...result, ruleIndex: ruleIndex.get(result.ruleId) }));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: report.tool.name,
            semanticVersion: report.tool.version,
            rules,
            supportedTaxonomies: TAXONOMIES.map(({ name }, index) => ({ name, index })),
          },
        },
        taxonomies: TAXONOMIES.map(({ key, name, organization }) => ({
          name,
          organization,
          taxa: taxaOf(key, checks).map((id) => ({ id })),
        })),
        artifacts: report.subjects.map(({ model }) => ({
          location: { uri: uriOf(model.path) },
          length: model.bytes,
          hashes: { "sha-256": model.sha256 },
          roles: ["analysisTarget"],
        })),
        invocations: [invocationOf(report)],
        columnKind: "utf16CodeUnits",
        results,
      },
    ],
  };
}

type TaxonomyKey = keyof CheckReport["taxonomy"];

const TAXONOMIES: readonly { readonly key: TaxonomyKey; readonly name: string; readonly organization: string }[] = [
  { key: "owasp", name: "OWASP Machine Learning Security Top Ten", organization: "OWASP Foundation" },
  { key: "atlas", name: "MITRE ATLAS", organization: "The MITRE Corporation" },
  { key: "nist", name: "NIST AI 100-2", organization: "National Institute of Standards and Technology" },
];

const LEVELS: Record<ReturnType<typeof outcomeOfAttack>, "error" | "warning" | "none"> = {
  broken: "error",
  weak: "error",
  dented: "warning",
  standing: "none",
  untested: "none",
};

function checkRule({ id, title, citation, taxonomy }: CheckReport) {
  return {
    id,
    name: title,
    shortDescription: { text: title },
    help: { text: citation.text },
    ...(/^https?:\/\//.test(citation.url) && URL.canParse(citation.url) && { helpUri: new URL(citation.url).href }),
    relationships: TAXONOMIES.flatMap(({ key, name }, index) =>
      taxonomy[key].map((taxon) => ({ target: { id: taxon, toolComponent: { name, index } }, kinds: ["relevant"] })),
    ),
  };
}

function warningRule({ id, message, meaning, documentation }: Warning) {
  return {
    id: warningRuleId(id),
    shortDescription: { text: meaning ?? message },
    help: { text: `See ${documentation}` },
  };
}

function warningRuleId(id: string): string {
  return `warning/${id}`;
}

function resultsOf(subject: SubjectReport, index: number) {
  const place = {
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(subject.model.path), index } } }],
  };
  const trace = (id: string) => ({ partialFingerprints: { "modelAndCheck/v1": `${subject.model.sha256}:${id}` } });
  return [
    ...subject.checks.map((check) => ({
      ruleId: check.id,
      ...judgement(subject, check),
      ...place,
      ...trace(check.id),
    })),
    ...subject.notRun.map((id) => ({
      ruleId: id,
      kind: "open",
      level: "none",
      message: { text: `${subject.name}: ${id} was planned and did not run.` },
      ...place,
      ...trace(id),
    })),
    ...subject.checks.flatMap(({ id: check, warnings }) =>
      warnings.map(({ id, message }) => ({
        ruleId: warningRuleId(id),
        kind: "fail",
        level: "warning",
        message: { text: `${subject.name}: ${message}` },
        ...place,
        ...trace(`${check}:${warningRuleId(id)}`),
      })),
    ),
  ];
}

function judgement(subject: SubjectReport, check: CheckReport) {
  const properties = { subject: subject.name, metrics: check.metrics, parameters: check.parameters };
  if (check.status === "failed") {
    return { kind: "open", level: "none", message: { text: `${subject.name}: ${failure(check)}` }, properties };
  }
  if (!check.attack) {
    return {
      kind: "informational",
      level: "none",
      message: { text: `${subject.name}: ${figures(check)}` },
      properties,
    };
  }
  const outcome = outcomeOfAttack(check.attack);
  const level = LEVELS[outcome];
  const kind = outcome === "untested" ? "open" : level === "none" ? "pass" : "fail";
  const { broken, robust } = check.attack;
  const text = `${subject.name}: ${check.title} within ${threat(check.attack)} broke ${broken} of ${broken + robust} correctly classified samples. ${figures(check)}`;
  return { kind, level, message: { text }, properties };
}

function invocationOf(report: AuditReport) {
  const failed = report.subjects.flatMap(({ name, checks }) =>
    checks
      .filter(({ status }) => status === "failed")
      .map((check) => ({ rule: check.id, text: `${name}: ${failure(check)}` })),
  );
  const notRun = report.subjects.flatMap(({ name, notRun }) =>
    notRun.map((id) => ({ rule: id, text: `${name}: ${id} was planned and did not run.` })),
  );
  const interrupted = report.interruption ? [{ rule: undefined, text: report.interruption.message }] : [];
  return {
    executionSuccessful: report.status === "complete" && failed.length + notRun.length === 0,
    commandLine: report.settings.command,
    startTimeUtc: report.startedAt,
    endTimeUtc: report.finishedAt,
    toolExecutionNotifications: [...interrupted, ...failed, ...notRun].map(({ rule, text }) => ({
      level: "error",
      message: { text },
      ...(rule && { associatedRule: { id: rule } }),
    })),
  };
}

function failure({ title, error }: CheckReport): string {
  return `${title} could not run: ${error ?? "no reason was given"}`;
}

function figures({ title, metrics }: CheckReport): string {
  if (metrics.length === 0) return `${title} completed.`;
  return metrics.map(({ name, value, unit }) => `${name} ${unit === "proportion" ? percent(value) : value}`).join(", ");
}

function taxaOf(key: TaxonomyKey, checks: readonly CheckReport[]): readonly string[] {
  return [...new Set(checks.flatMap(({ taxonomy }) => taxonomy[key]))].sort();
}

function uniqueBy<T>(values: readonly T[], key: (value: T) => string): readonly T[] {
  return [...new Map(values.map((value) => [key(value), value])).values()];
}
