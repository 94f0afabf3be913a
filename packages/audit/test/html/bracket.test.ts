import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { bracketTable } from "../../src/html/bracket.ts";
import { renderHtml } from "../../src/html/report-page.ts";
import type { AuditReport, CheckReport, SubjectReport } from "../../src/report.ts";
import { fixtureReport } from "../fixture-report.ts";

const metric = (name: string, count: number) => ({
  name,
  value: count / 50,
  unit: "proportion" as const,
  count,
  of: 50,
});

/** The third model of the fixture with a check that certified some of 50 samples at three radii. */
function certified(more: Partial<CheckReport> = {}): SubjectReport {
  const [, , robust] = fixtureReport().subjects as [SubjectReport, SubjectReport, SubjectReport];
  const check: CheckReport = {
    ...robust.checks[0]!,
    id: "certified",
    title: "Certified from below, by linear bounds",
    parameters: { norm: "linf", epsilons: "0.01, 0.05, 0.3", samples: 50, seconds: 2, methods: "ibp, crown" },
    metrics: [
      ...[metric("accuracy.certified", 0), metric("accuracy.attacked", 41), metric("accuracy.undecided", 41)],
      ...[metric("accuracy.certified.0.05", 20), metric("accuracy.attacked.0.05", 45)],
      ...[metric("accuracy.certified.0.01", 48), metric("accuracy.attacked.0.01", 48)],
    ],
    ...more,
  };
  return { ...robust, checks: [...robust.checks, check] };
}

const rendered = (subject: SubjectReport) =>
  parseHTML(`<html><body>${bracketTable(subject, "model-1")}</body></html>`).document;

test("shows certified, attacked and undecided at each radius, from the smallest", () => {
  const rows = [...rendered(certified()).querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("th, td")].map(({ textContent }) => textContent!.trim()),
  );
  expect(rows).toEqual([
    ["0.01", "96.0%", "96.0%", "0", ""],
    ["0.05", "40.0%", "90.0%", "25", ""],
    ["0.3", "0.0%", "82.0%", "41", ""],
  ]);
});

test("draws bars as wide as the shares, with stripes for what is undecided", () => {
  const bars = [...rendered(certified()).querySelectorAll("svg.bar")].map((bar) => {
    const stripes = [...bar.querySelectorAll(".undecided")].map((stripe) =>
      ["x", "width"].map((name) => Number(stripe.getAttribute(name))),
    );
    const ends = stripes.map(([x, width]) => x! + width!);
    return {
      certified: Number(bar.querySelector(".certified")!.getAttribute("width")),
      from: stripes[0]?.[0],
      to: Math.max(0, ...ends),
    };
  });
  expect(bars[0]).toEqual({ certified: 96, from: undefined, to: 0 });
  expect(bars[1]).toMatchObject({ certified: 40, from: 40 });
  expect(bars[1]!.to).toBeGreaterThan(85);
  const between = [...rendered(certified()).querySelectorAll(".between")].map((part) =>
    ["x", "width"].map((name) => Number(part.getAttribute(name))),
  );
  expect(between).toEqual([
    [96, 0],
    [40, 50],
    [0, 82],
  ]);
  for (const { to } of bars) expect(to).toBeLessThanOrEqual(90);
});

test.each([
  ["failed", certified({ status: "failed", metrics: [] })],
  ["was not planned", fixtureReport().subjects[0]!],
])("is left out where the check %s", (_, subject) => {
  expect(bracketTable(subject, "model-1")).toBeUndefined();
});

test("stands in the page of a report", () => {
  const report: AuditReport = { ...fixtureReport(), subjects: [certified()], comparisons: [] };
  expect(renderHtml(report)).toContain('<table class="brackets">');
});
