import type { FileReport, FindingReport, ScanReport } from "./report.ts";
import { uriOf } from "./uri.ts";

const LEVELS: Readonly<Record<FindingReport["severity"], "error" | "warning" | "note">> = {
  critical: "error",
  unscannable: "error",
  high: "warning",
  medium: "warning",
  low: "note",
  info: "note",
};

/** How code scanning ranks them, from 0 to 10. */
const SCORES: Readonly<Record<FindingReport["severity"], string>> = {
  critical: "9.5",
  unscannable: "8.0",
  high: "7.5",
  medium: "5.0",
  low: "2.0",
  info: "0.0",
};

/** The report as a SARIF 2.1.0 log (https://docs.oasis-open.org/sarif/sarif/v2.1.0/): a rule for each that found something, a result for each finding. */
export function renderScanSarif(report: ScanReport): object {
  const findings = report.files.flatMap(({ findings }) => findings);
  const rules = [...new Map(findings.map((finding) => [finding.rule, finding])).values()];
  const ruleIndex = new Map(rules.map(({ rule }, index) => [rule, index]));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "casemate scan", semanticVersion: report.tool.version, rules: rules.map(ruleOf) } },
        artifacts: report.files.map(({ path, bytes, sha256 }) => ({
          location: { uri: uriOf(path) },
          length: bytes,
          ...(sha256 !== undefined && { hashes: { "sha-256": sha256 } }),
        })),
        invocations: [{ executionSuccessful: true, startTimeUtc: report.startedAt, endTimeUtc: report.finishedAt }],
        columnKind: "utf16CodeUnits",
        results: report.files.flatMap((file, index) =>
          file.findings.map((finding) => resultOf(file, finding, index, ruleIndex.get(finding.rule)!)),
        ),
      },
    ],
  };
}

function ruleOf({ rule, title, effect, severity, owasp, atlas }: FindingReport) {
  return {
    id: rule,
    name: title,
    shortDescription: { text: title },
    fullDescription: { text: effect },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { tags: ["security", ...owasp, ...atlas], "security-severity": SCORES[severity] },
  };
}

function resultOf(file: FileReport, finding: FindingReport, artifact: number, ruleIndex: number) {
  const { rule, severity, title, evidence, effect, entry, offset, part, suppressed } = finding;
  const inside = [entry, part].filter((each) => each !== undefined).join(", ");
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: `${title}${inside === "" ? "" : ` [${inside}]`}: ${evidence}. ${effect}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file.path), index: artifact },
          ...(offset !== undefined && entry === undefined && { region: { byteOffset: offset } }),
        },
        ...(inside !== "" && { logicalLocations: [{ fullyQualifiedName: inside }] }),
      },
    ],
    partialFingerprints: {
      "fileAndFinding/v1": `${file.sha256 ?? file.path}:${rule}:${entry ?? ""}:${offset ?? ""}:${part ?? ""}`,
    },
    ...(suppressed && { suppressions: [{ kind: "external", justification: suppressed.reason }] }),
  };
}
