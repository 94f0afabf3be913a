import { attestationIn } from "@casemate/evidence";
import type { ScanReport } from "@casemate/scan";
import { describe, expect, test } from "vitest";
import { attestAudit, attestScan } from "../src/attest.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

const expiresOn = new Date("2027-02-23T00:00:00Z");
const approved = { approvedBy: "risk@example.com", approvedOn: "2026-11-01T00:00:00Z" };

describe("an audit", () => {
  test("is attested about the digests of model, data and contract", () => {
    const report = fixtureReport();
    const statement = attestAudit(report, "mnist-robust", { expiresOn });
    const { model, data } = report.subjects[2]!;
    expect(statement.subject.map(({ name, digest, annotations }) => [name, digest.sha256, annotations?.role])).toEqual([
      ["mnist-robust.onnx", model.sha256, "model"],
      [data.path, data.sha256, "data"],
      ["contract", expect.stringMatching(/^[0-9a-f]{64}$/), "contract"],
    ]);
    expect(attestationIn(statement).kind).toBe("robustness");
    expect(statement.predicate).toMatchObject({
      tool: { name: "casemate", version: "0.1.0" },
      seed: 0,
      startedOn: report.startedAt,
      finishedOn: report.finishedAt,
      expiresOn: "2027-02-23T00:00:00.000Z",
      result: "measured",
      threat: { norm: "linf" },
    });
    expect(JSON.stringify(statement)).not.toContain("models/"); // paths are nobody's business
  });

  test("gives the accuracy under all attacks together, with its interval and samples", () => {
    const { metrics } = attestAudit(fixtureReport(), "mnist-robust", { expiresOn }).predicate;
    expect(metrics.find(({ name }) => name === "accuracy.robust")).toMatchObject({ value: 409 / 500, n: 500 });
    expect(metrics.find(({ name }) => name === "pgd/accuracy.robust")).toMatchObject({ value: 428 / 500 });
  });

  test("passes or fails by what was approved before it", () => {
    const result = (atLeast: number) =>
      attestAudit(fixtureReport(), "mnist-robust", {
        expiresOn,
        thresholds: [{ metric: "accuracy.robust", atLeast, ...approved }],
      }).predicate.result;
    expect([result(0.8), result(0.9)]).toEqual(["passed", "failed"]);
  });

  test("is not attested by a threshold that was approved after it had started", () => {
    const thresholds = [{ metric: "accuracy.robust", atLeast: 0.8, ...approved, approvedOn: "2026-11-23T01:13:00Z" }];
    expect(() => attestAudit(fixtureReport(), "mnist-robust", { expiresOn, thresholds })).toThrow(
      /not before the start/,
    );
  });

  test("that was cut short or has a failed attack has no robust accuracy, and so passes no threshold on it", () => {
    for (const name of ["mnist-masked", "mnist-robust"]) {
      const thresholds = [{ metric: "accuracy.robust", atLeast: 0, ...approved }];
      const { predicate } = attestAudit(interruptedReport(), name, { expiresOn, thresholds });
      expect(
        predicate.metrics.map((metric) => metric.name),
        name,
      ).not.toContain("accuracy.robust");
      expect(predicate.result, name).toBe("failed");
      expect(predicate.checks, name).toContainEqual(expect.objectContaining({ status: "failed" }));
    }
  });

  test("of several models asks for a name", () => {
    expect(() => attestAudit(fixtureReport(), undefined, { expiresOn })).toThrow(
      /one model of the report \(mnist-standard, /,
    );
    expect(() => attestAudit(fixtureReport(), "other", { expiresOn })).toThrow(/got other/);
  });
});

test("a scan is attested about every file, and counts findings that nobody accepted", () => {
  const finding = {
    rule: "pickle/import",
    title: "t",
    severity: "high",
    evidence: "e",
    effect: "f",
    owasp: [],
    atlas: [],
  } as const;
  const suppressed = { reason: "known", expires: "2027-01-01" };
  const report: ScanReport = {
    schema: "casemate-scan/1",
    tool: { name: "casemate", version: "0.1.0" },
    startedAt: "2026-11-23T01:00:00Z",
    finishedAt: "2026-11-23T01:01:00Z",
    paths: ["models"],
    verdict: "suspicious",
    counts: { clean: 1, suspicious: 1, unscannable: 0, malicious: 0 },
    files: [
      {
        path: "a.pkl",
        bytes: 1,
        sha256: "ab".repeat(32),
        formats: ["pickle"],
        verdict: "suspicious",
        findings: [finding, finding, { ...finding, suppressed }],
      },
      { path: "b.onnx", bytes: 1, sha256: "cd".repeat(32), formats: ["onnx"], verdict: "clean", findings: [] },
    ],
  };
  const { subject, predicate } = attestScan(report, { expiresOn });
  expect(subject.map(({ name }) => name)).toEqual(["a.pkl", "b.onnx"]);
  expect(predicate.findings).toEqual([{ rule: "pickle/import", severity: "high", count: 2 }]);
  expect(predicate.metrics).toContainEqual({ name: "files.suspicious", value: 1, unit: "count", n: 2 });
  const without = { ...report, files: report.files.map(({ sha256: _, ...file }) => file) };
  expect(() => attestScan(without, { expiresOn })).toThrow(/no digest of any file/);
});
