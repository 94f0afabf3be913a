import { DOMParser } from "linkedom";
import { describe, expect, test } from "vitest";
import { renderJunit } from "../src/junit.ts";
import type { AuditReport } from "../src/report.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

const gate = {
  path: "gate.json",
  met: false,
  rules: [
    { subject: "mnist-robust", rule: "apgd-ce: accuracy.robust at least 0.8", met: true, reason: "it is 0.824" },
    { subject: "mnist-masked", rule: "*: no warnings", met: false, reason: "1 warning: gradient-masking" },
  ],
};

describe("renderJunit", () => {
  test("has a suite for each model, with a case for each check", () => {
    const xml = parse(fixtureReport());
    const suites = [...xml.querySelectorAll("testsuite")];
    expect(suites.map((suite) => suite.getAttribute("name"))).toEqual([
      "mnist-standard",
      "mnist-masked",
      "mnist-robust",
    ]);
    expect(suites[0]!.querySelectorAll("testcase").length).toBe(6);
    expect(xml.querySelectorAll("error, failure").length).toBe(0);
  });

  test("makes an error of each check that failed or did not run", () => {
    const xml = parse(interruptedReport());
    const cases = [...xml.querySelectorAll("error")].map((error) => [
      error.parentElement?.getAttribute("classname"),
      error.parentElement?.getAttribute("name"),
    ]);
    expect(cases).toEqual([
      ["mnist-masked", "square"],
      ["mnist-robust", "apgd-ce"],
      ["mnist-robust", "square"],
      ["mnist-robust", "worst-case"],
    ]);
    expect(xml.querySelector("testsuites")?.getAttribute("errors")).toBe("4");
  });

  test("makes a failure of each gate rule that was not met", () => {
    const xml = parse({ ...fixtureReport(), gate });
    const failures = [...xml.querySelectorAll("failure")];
    expect(failures.map((failure) => failure.getAttribute("message"))).toEqual(["1 warning: gradient-masking"]);
    expect(xml.querySelectorAll('testsuite[name="gate"] testcase').length).toBe(2);
    expect(xml.querySelector("testsuites")?.getAttribute("failures")).toBe("1");
  });

  test("escapes what XML reserves and replaces what it cannot hold", () => {
    const report = fixtureReport();
    const name = `<a href="x">'&]]>\u0000\u001b\uD800\uFFFF end`;
    const xml = renderJunit({
      ...report,
      subjects: report.subjects.slice(0, 1).map((subject) => ({ ...subject, name })),
    });
    expect(xml).toContain('name="&lt;a href=&quot;x&quot;&gt;&apos;&amp;]]&gt;\uFFFD\uFFFD\uFFFD\uFFFD end"');
    expect([...xml].every((character) => character >= " " || character === "\n")).toBe(true);
  });
});

function parse(report: AuditReport) {
  return new DOMParser().parseFromString(renderJunit(report), "text/xml");
}
