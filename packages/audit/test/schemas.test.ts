import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { AuditReport } from "../src/report.ts";
import { Contract } from "../src/schemas/contract.ts";
import { GateFile } from "../src/schemas/gate.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

describe.each([
  ["audit-report", AuditReport],
  ["contract", Contract],
  ["gate", GateFile],
])("schemas/%s.json", (name, definition) => {
  const published = JSON.parse(readFileSync(new URL(`../schemas/${name}.json`, import.meta.url), "utf8"));

  // npm run schemas -w @casemate/audit writes them again
  test("says what the code holds data to", () => {
    const { $schema, ...rest } = published;
    expect($schema).toBe("http://json-schema.org/draft-07/schema#");
    expect(rest).toEqual(JSON.parse(JSON.stringify(definition)));
  });

  test("is a schema that a strict validator takes", () => {
    expect(() =>
      new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(published),
    ).not.toThrow();
  });
});

describe("the published schema of reports", () => {
  const published = JSON.parse(readFileSync(new URL("../schemas/audit-report.json", import.meta.url), "utf8"));
  const isReport = new Ajv({ allErrors: true }).compile(published);

  test.each([
    ["complete", fixtureReport()],
    ["interrupted", interruptedReport()],
  ])("takes a %s report", (_, report) => {
    isReport(JSON.parse(JSON.stringify(report)));
    expect(isReport.errors).toBeNull();
  });

  test.each([
    ["a status that there is not", { status: "passed" }],
    ["a report without subjects", { subjects: undefined }],
    ["another version of the format", { schema: "https://casemate.dev/schemas/audit-report/2" }],
  ])("refuses %s", (_, change) => {
    expect(isReport(JSON.parse(JSON.stringify({ ...fixtureReport(), ...change })))).toBe(false);
  });
});
