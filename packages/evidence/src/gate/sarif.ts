import type { GateDecision } from "./decision.ts";

/** A decision as a SARIF 2.1.0 log: one result for each requirement, a pass where it is met. `uri` is the subject's. */
export function renderGateSarif({ policy, lines }: GateDecision, uri: string, version: string): object {
  const rules = [...new Set(lines.map(({ requirement }) => requirement))];
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "casemate gate",
            semanticVersion: version,
            rules: rules.map((rule) => ({ id: rule, shortDescription: { text: `${policy}: ${rule}` } })),
          },
        },
        artifacts: [{ location: { uri } }],
        results: lines.map(({ requirement, status, reason }) => ({
          ruleId: requirement,
          ruleIndex: rules.indexOf(requirement),
          kind: status === "met" ? "pass" : "fail",
          level: status === "met" ? "none" : "error",
          message: { text: `${requirement}: ${status}: ${reason}` },
          locations: [{ physicalLocation: { artifactLocation: { uri, index: 0 } } }],
        })),
      },
    ],
  };
}
