import { describe, expect, test } from "vitest";
import { evaluateGate, parseGate } from "../src/gate.ts";
import type { AuditReport } from "../src/report.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

test("a model that is shown to be worse fails the gate, with the reason", () => {
  const report = fixtureReport();
  const comparisons = report.comparisons!.map((each) => ({ ...each, difference: -0.1, verdict: "worse" as const }));
  const { met, rules } = evaluateGate(parseGate({ rules: [{ regressions: "none" }] }, "gate.json"), {
    ...report,
    comparisons,
  });
  expect(met).toBe(false);
  expect(rules[0]).toMatchObject({ subject: "mnist-robust", met: false, actual: -0.1 });
  expect(rules[0]!.reason).toContain("differs by -0.1 from mnist-standard");
});

describe("evaluateGate", () => {
  // robust accuracies of the fixture: standard 0, masked 21 of 500, robust 409 of 500
  test.each([
    [
      "a threshold that is met",
      { subject: "mnist-robust", check: "worst-case", metric: "accuracy.robust", atLeast: 0.8 },
      true,
    ],
    [
      "a threshold met to the last digit",
      { subject: "mnist-robust", check: "worst-case", metric: "accuracy.robust", atLeast: 0.818 },
      true,
    ],
    [
      "a threshold that is not met",
      { subject: "mnist-robust", check: "worst-case", metric: "accuracy.robust", atLeast: 0.82 },
      false,
    ],
    [
      "a threshold for the lower bound",
      { subject: "mnist-robust", check: "worst-case", metric: "accuracy.robust", atLeast: 0.8, use: "lower" },
      false,
    ],
    ["an upper limit", { subject: "mnist-masked", check: "worst-case", metric: "accuracy.robust", atMost: 0.05 }, true],
    [
      "an upper limit for the upper bound",
      { subject: "mnist-masked", check: "worst-case", metric: "accuracy.robust", atMost: 0.05, use: "upper" },
      false,
    ],
    [
      "both limits",
      { subject: "mnist-masked", check: "worst-case", metric: "accuracy.robust", atLeast: 0.04, atMost: 0.05 },
      true,
    ],
    ["a threshold on every model", { check: "accuracy", metric: "accuracy.clean", atLeast: 0.96 }, true],
    ["a pattern over models", { subject: "*-robust", check: "*", metric: "accuracy.robust", atLeast: 0.8 }, true],
    ["a pattern over checks, one of them below", { check: "apgd-*", metric: "accuracy.robust", atLeast: 0.8 }, false],
    [
      "a pattern with two stars",
      { subject: "m*st-r*", check: "accuracy", metric: "accuracy.clean", atLeast: 0.9 },
      true,
    ],
    ["a model that is not there", { subject: "cifar", check: "accuracy", metric: "accuracy.clean", atLeast: 0 }, false],
    ["a check that is not there", { check: "fab", metric: "accuracy.robust", atLeast: 0 }, false],
    ["a metric that the check does not have", { check: "accuracy", metric: "accuracy.robust", atLeast: 0 }, false],
    ["a metric that no check has", { check: "*", metric: "accuracy.certified", atLeast: 0 }, false],
    ["all checks completed", { check: "*", status: "completed" }, true],
    ["no warnings, of a model without", { subject: "mnist-robust", warnings: "none" }, true],
    ["no warnings, of a model with one", { subject: "mnist-masked", warnings: "none" }, false],
    ["no warnings but those accepted", { warnings: "none", except: ["gradient-masking"] }, true],
    ["no warnings of a check that has none", { check: "fgsm", warnings: "none" }, true],
    ["no regression", { regressions: "none" }, true],
    ["no regression of one metric", { regressions: "none", metric: "accuracy.clean", subject: "mnist-robust" }, true],
    ["no regression of a model that was not compared", { regressions: "none", subject: "mnist-masked" }, false],
    ["no warnings of a check that is not there", { check: "fab", warnings: "none" }, false],
  ])("%s", (_, rule, met) => {
    expect(evaluateGate(parseGate({ rules: [rule] }, "gate.json"), fixtureReport()).met).toBe(met);
  });

  // square failed on masked; apgd-ce, square and worst-case were not run on robust
  test.each([
    [
      "a threshold on a failed check",
      { subject: "mnist-masked", check: "square", metric: "accuracy.robust", atLeast: 0 },
    ],
    [
      "a threshold on a check that was not run",
      { subject: "mnist-robust", check: "square", metric: "accuracy.robust", atLeast: 0 },
    ],
    [
      "a threshold on all, one of them failed",
      { subject: "mnist-masked", check: "*", metric: "accuracy.robust", atLeast: 0 },
    ],
    ["completion of a failed check", { subject: "mnist-masked", check: "square", status: "completed" }],
    ["completion of a check that was not run", { subject: "mnist-robust", check: "apgd-ce", status: "completed" }],
    ["no warnings where a check failed", { subject: "mnist-masked", check: "square", warnings: "none" }],
    ["no warnings where checks were not run", { subject: "mnist-robust", warnings: "none" }],
  ])("%s is not met", (_, rule) => {
    expect(evaluateGate(parseGate({ rules: [rule] }, "gate.json"), interruptedReport()).met).toBe(false);
  });

  test("says why, with the number that was found", () => {
    const rule = { subject: "mnist-masked", check: "worst-case", metric: "accuracy.robust", atLeast: 0.8 };
    expect(evaluateGate(parseGate({ rules: [rule] }, "gate.json"), fixtureReport())).toEqual({
      path: "gate.json",
      met: false,
      rules: [
        {
          subject: "mnist-masked",
          rule: "worst-case: accuracy.robust at least 0.8",
          met: false,
          actual: 0.042,
          reason: "accuracy.robust of worst-case is 0.042, below the 0.8 that the gate asks for",
        },
      ],
    });
  });

  test("a number that is none meets no threshold", () => {
    const report = withValue(Number.NaN);
    for (const limit of [{ atLeast: 0 }, { atMost: 1 }]) {
      const rule = { check: "accuracy", metric: "accuracy.clean", ...limit };
      expect(evaluateGate(parseGate({ rules: [rule] }, "gate.json"), report).met).toBe(false);
    }
  });

  test("a report on no model meets no rule", () => {
    const gate = parseGate({ rules: [{ check: "*", status: "completed" }] }, "gate.json");
    expect(evaluateGate(gate, { ...fixtureReport(), subjects: [] }).met).toBe(false);
  });
});

describe("parseGate", () => {
  test.each([
    ["no object", [], "must be object"],
    ["no rules", {}, "must have required property 'rules'"],
    ["an empty list of rules", { rules: [] }, "must NOT have fewer than 1 items"],
    ["a rule of no kind", { rules: [{ check: "pgd" }] }, "rule 1 has neither metric, status, warnings nor regressions"],
    ["a rule that is no object", { rules: ["pgd"] }, "/rules/0"],
    ["no threshold", { rules: [{ check: "pgd", metric: "accuracy.robust" }] }, "rule 1: needs atLeast or atMost"],
    ["no check", { rules: [{ metric: "accuracy.robust", atLeast: 1 }] }, "must have required property 'check'"],
    [
      "a misspelt threshold",
      { rules: [{ check: "pgd", metric: "accuracy.robust", atleast: 0.8, atMost: 1 }] },
      "unknown property 'atleast'",
    ],
    ["a threshold in words", { rules: [{ check: "pgd", metric: "x", atLeast: "0.8" }] }, "/atLeast must be number"],
    [
      "an unknown end",
      { rules: [{ check: "pgd", metric: "x", atLeast: 1, use: "mean" }] },
      "must be one of value, lower, upper",
    ],
    ["another status", { rules: [{ check: "pgd", status: "passed" }] }, '/status must be "completed"'],
  ])("refuses %s", (_, json, words) => {
    expect(() => parseGate(json, "gate.json")).toThrow(
      expect.objectContaining({ code: "INVALID_GATE", message: expect.stringContaining(words) }),
    );
  });
});

function withValue(value: number): AuditReport {
  const report = fixtureReport();
  return {
    ...report,
    subjects: report.subjects.map((subject) => ({
      ...subject,
      checks: subject.checks.map((check) => ({
        ...check,
        metrics: check.metrics.map((metric) => ({ ...metric, value })),
      })),
    })),
  };
}
