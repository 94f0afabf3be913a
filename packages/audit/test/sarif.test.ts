import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import Format from "typebox/format";
import { describe, expect, test } from "vitest";
import type { AuditReport, SubjectReport } from "../src/report.ts";
import { renderSarif } from "../src/sarif.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

const {
  $schema: _,
  id: __,
  ...schema
} = JSON.parse(readFileSync(new URL("vectors/sarif-2.1.0-rtm.5.json", import.meta.url), "utf8"));
const isSarif = new Ajv({
  strict: false,
  allErrors: true,
  unicodeRegExp: false, // a pattern of the official schema has an unbalanced bracket
  formats: { "date-time": Format.IsDateTime, uri: Format.IsUri, "uri-reference": Format.IsUriReference },
}).compile(schema);

const reports: readonly (readonly [string, AuditReport])[] = [
  ["a complete report", fixtureReport()],
  ["a partial report with failures", interruptedReport()],
  ["a report on nothing", { ...fixtureReport(), subjects: [] }],
  ["a report with hostile names", hostile()],
];

test.each(reports)("%s is valid against the official schema", (_, report) => {
  isSarif(renderSarif(report));
  expect(isSarif.errors).toBeNull();
});

test("the validation used here refuses what is not SARIF", () => {
  expect(isSarif({ version: "2.1.0", runs: [{ results: [] }] })).toBe(false);
});

describe("results", () => {
  const levels = (report: AuditReport) =>
    runOf(report).results.map(({ ruleId, locations, kind, level }) => [
      `${ruleId} ${locations[0]!.physicalLocation.artifactLocation.uri}`,
      kind,
      level,
    ]);

  test("an attack that leaves little standing is an error, one that leaves most a pass, a warning a warning", () => {
    const found = Object.fromEntries(levels(fixtureReport()).map(([key, ...verdict]) => [key, verdict]));
    expect(found["worst-case models/mnist-standard.onnx"]).toEqual(["fail", "error"]);
    expect(found["pgd models/mnist-masked.onnx"]).toEqual(["fail", "error"]); // 204 of 486 is 42 %
    expect(found["fgsm models/mnist-masked.onnx"]).toEqual(["fail", "warning"]); // 334 of 486 is 69 %
    expect(found["worst-case models/mnist-robust.onnx"]).toEqual(["pass", "none"]); // 409 of 481 is 85 %
    expect(found["accuracy models/mnist-robust.onnx"]).toEqual(["informational", "none"]);
    expect(found["warning/gradient-masking models/mnist-masked.onnx"]).toEqual(["fail", "warning"]);
  });

  test("a check that failed or did not run is open, and an error of the run, which was no success", () => {
    const { results, invocations } = runOf(interruptedReport());
    expect(results.filter(({ kind }) => kind === "open").map(({ ruleId }) => ruleId)).toEqual([
      "square",
      "apgd-ce",
      "square",
      "worst-case",
    ]);
    const [{ executionSuccessful, toolExecutionNotifications }] = invocations;
    expect(executionSuccessful).toBe(false);
    expect(toolExecutionNotifications.map(({ level }) => level)).toEqual(["error", "error", "error", "error", "error"]);
    expect(toolExecutionNotifications[0]!.message.text).toBe("The budget of 120 seconds ran out.");
    expect(toolExecutionNotifications[1]!.message.text).toContain("RUNTIME_FAILURE");
  });

  test("every result points at its rule", () => {
    const { results, tool } = runOf(interruptedReport());
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]!.id).toBe(ruleId);
  });

  test("every rule that stands in a taxonomy finds its taxon there", () => {
    const { tool, taxonomies } = runOf(fixtureReport());
    const targets = tool.driver.rules.flatMap(({ relationships = [] }) => relationships.map(({ target }) => target));
    expect(targets.length).toBeGreaterThan(0);
    for (const { id, toolComponent } of targets) {
      expect(taxonomies[toolComponent.index]!.name).toBe(toolComponent.name);
      expect(taxonomies[toolComponent.index]!.taxa).toContainEqual({ id });
    }
  });
});

test.each([
  ["models/a b#c.onnx", "models/a%20b%23c.onnx"],
  ["models\\digits.onnx", "models/digits.onnx"],
  ["/srv/models/100%.onnx", "file:///srv/models/100%25.onnx"],
])("the path %s becomes the URI %s", (path, uri) => {
  const report = fixtureReport();
  const [subject] = report.subjects as [SubjectReport];
  const log = runOf({ ...report, subjects: [{ ...subject, model: { ...subject.model, path } }] });
  expect(log.artifacts[0]!.location.uri).toBe(uri);
});

interface Run {
  readonly tool: { readonly driver: { readonly rules: readonly Rule[] } };
  readonly taxonomies: readonly { readonly name: string; readonly taxa: readonly { readonly id: string }[] }[];
  readonly artifacts: readonly { readonly location: { readonly uri: string } }[];
  readonly invocations: readonly [
    {
      readonly executionSuccessful: boolean;
      readonly toolExecutionNotifications: readonly {
        readonly level: string;
        readonly message: { readonly text: string };
      }[];
    },
  ];
  readonly results: readonly {
    readonly ruleId: string;
    readonly ruleIndex: number;
    readonly kind: string;
    readonly level: string;
    readonly locations: readonly {
      readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } };
    }[];
  }[];
}

interface Rule {
  readonly id: string;
  readonly relationships?: readonly {
    readonly target: { readonly id: string; readonly toolComponent: { readonly name: string; readonly index: number } };
  }[];
}

function runOf(report: AuditReport): Run {
  const [run] = (renderSarif(report) as { runs: [Run] }).runs;
  return run;
}

function hostile(): AuditReport {
  const report = fixtureReport();
  return {
    ...report,
    subjects: report.subjects.map((subject, index) => ({
      ...subject,
      name: `"><script>\u0000 ${index}`,
      model: { ...subject.model, path: `models/${index} <>"%\u0007.onnx` },
      checks: subject.checks.map((check) => ({ ...check, citation: { text: "x", url: "javascript:alert(1)" } })),
    })),
  };
}
