import { createHash } from "node:crypto";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { renderHtml } from "../../src/html/report-page.ts";
import type { AuditReport, GalleryItem, SubjectReport } from "../../src/report.ts";
import { fixtureReport, interruptedReport } from "../fixture-report.ts";

describe("renderHtml", () => {
  test("loads nothing and runs nothing", () => {
    const { page, text } = open(fixtureReport());
    expect(page.querySelectorAll("script, link, iframe, object, embed, base, form").length).toBe(0);
    for (const image of page.querySelectorAll("img"))
      expect(image.getAttribute("src")).toMatch(/^data:image\/png;base64,/);
    expect(text).not.toMatch(/@import|url\(|srcset|http-equiv="refresh"/i);
    // addresses stand only where a reader can choose to follow them
    const addresses = [...text.matchAll(/([\w-]+)="https?:/g)].map(([, attribute]) => attribute);
    expect(new Set(addresses)).toEqual(new Set(["href"]));
    expect([...page.querySelectorAll("[href]")].every(({ localName }) => localName === "a")).toBe(true);
  });

  test("has a policy that allows its own style sheet by hash, pictures as data, and nothing else", () => {
    const { page } = open(fixtureReport());
    const policy = page.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute("content");
    const styles = [...page.querySelectorAll("style")];
    expect(styles.length).toBe(1);
    const hash = createHash("sha256").update(styles[0]!.textContent!).digest("base64");
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
    );
    expect(page.querySelectorAll("[style]").length).toBe(0); // the policy would refuse them
  });

  test("shows each subject with its verdict, its figures and their intervals", () => {
    const { page } = open(fixtureReport());
    const cards = [...page.querySelectorAll(".card")].map((card) => words(card));
    expect(cards[0]).toMatch(/mnist-standard Falls .*97\.2% .*95\.4 – 98\.3/);
    expect(cards[1]).toMatch(/mnist-masked Only looks robust .*4\.2%/);
    expect(cards[2]).toMatch(/mnist-robust Holds .*81\.8% .*78\.2 – 84\.9/);
    const rows = [...page.querySelectorAll(".comparison tbody tr")].map((row) => words(row));
    expect(rows).toHaveLength(6);
    expect(rows[1]).toMatch(/^FGSM L∞ 0\.3 0\.4% .* 66\.8% .* 88\.2%/);
    expect(page.querySelector("h1")?.textContent).toBe("One of three models holds under attack");
  });

  test("shows warnings with what they mean and where to read on", () => {
    const { page } = open(fixtureReport());
    const warning = words(page.querySelector(".notice.warn"));
    expect(warning).toContain("Gradient masking");
    expect(warning).toContain("FGSM leaves 334 of 500 right");
    expect(warning).toContain("What it means. The model hides its gradients");
    expect(warning).toContain("docs/guide/validity.md#gradient-masking");
  });

  test("shows every check that failed or did not run, with its model and the reason", () => {
    const { page } = open(interruptedReport());
    const section = page.querySelector("#untested")?.parentElement;
    expect([...section!.querySelectorAll(".notice")].map((notice) => words(notice))).toEqual([
      "Square mnist-masked Failed: RUNTIME_FAILURE: Failed to allocate memory for requested buffer of size 4294967296",
      "APGD-CE mnist-robust Planned, but did not run.",
      "Square mnist-robust Planned, but did not run.",
      "All attacks together mnist-robust Planned, but did not run.",
    ]);
    expect(words(page.querySelector('[role="note"]'))).toContain(
      "This report is partial. The budget of 120 seconds ran out.",
    );
    const cells = [...page.querySelectorAll(".comparison .absent")].map((cell) => words(cell));
    expect(cells).toEqual(["not run", "failed", "not run", "not run"]);
  });

  test("shows the gate, rule by rule", () => {
    const rules = [
      { subject: "mnist-robust", rule: "*: completed", met: true, reason: "pgd completed" },
      { subject: "mnist-masked", rule: "*: no warnings", met: false, reason: "1 warning: gradient-masking" },
    ];
    const { page } = open({ ...fixtureReport(), gate: { path: "gate.json", met: false, rules } });
    const section = page.querySelector("#gate")?.parentElement;
    expect(words(section)).toContain("Gate: not met 1 of 2 requirements not met, by gate.json .");
    expect([...section!.querySelectorAll("tbody tr")].map((row) => words(row))).toEqual([
      "met mnist-robust *: completed pgd completed",
      "not met mnist-masked *: no warnings 1 warning: gradient-masking",
    ]);
  });

  test("says how to run the same again, and on which files", () => {
    const { page } = open(fixtureReport());
    const section = words(page.querySelector("#reproduce")?.parentElement);
    const { settings, subjects } = fixtureReport();
    for (const part of [settings.command, subjects[0]!.model.sha256, subjects[0]!.data.sha256, "1.30.0", "20.20.2"]) {
      expect(section).toContain(part);
    }
  });

  test("can be used without seeing it", () => {
    const { page } = open(interruptedReport());
    expect(page.documentElement.getAttribute("lang")).toBe("en");
    for (const image of page.querySelectorAll("img")) expect(image.getAttribute("alt")).not.toBe("");
    for (const chart of page.querySelectorAll("svg:not([aria-hidden])")) {
      expect(chart.getAttribute("role")).toBe("img");
      expect(chart.getAttribute("aria-label")).toMatch(/over epsilon|Histogram/);
    }
    for (const header of page.querySelectorAll("th")) expect(header.getAttribute("scope")).toMatch(/^(row|col)$/);
    const ids = [...page.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const referred = [...page.querySelectorAll("[aria-labelledby]")].map((each) =>
      each.getAttribute("aria-labelledby"),
    );
    expect(ids).toEqual(expect.arrayContaining(referred));
    const levels = [...page.querySelectorAll("h1, h2, h3, h4")].map(({ localName }) => Number(localName.slice(1)));
    expect(levels.every((level, i) => i === 0 || level <= levels[i - 1]! + 1)).toBe(true);
  });

  test.each([
    ["no subjects", { ...fixtureReport(), subjects: [] }],
    ["nothing but a failed check", { ...fixtureReport(), subjects: fixtureReport().subjects.slice(0, 1).map(bare) }],
  ])("a report with %s is still a page", (_, report) => {
    const { page, text } = open(report);
    expect(page.querySelector("h1")?.textContent).not.toBe("");
    expect(text).not.toMatch(/undefined|NaN|Infinity/);
  });

  test("a table's samples are shown by the features that changed", () => {
    const item = {
      sample: 3,
      check: "pgd",
      label: "benign",
      original: { prediction: "benign", confidence: 0.9 },
      adversarial: { prediction: "malignant", confidence: 0.6 },
      perturbation: { distance: 0.05 },
      changes: [{ feature: "mean radius", from: 14.25, to: 14.3 }],
    };
    const specimen = words(open(withGallery([item])).page.querySelector(".specimen"));
    expect(specimen).toContain("mean radius 14.25 14.3");
    expect(specimen).toContain("Sample 3, class benign · PGD · L∞ 0.05");
  });
});

describe("size", () => {
  test("stays below 2 MB with large pictures, and says how many were left out", () => {
    const image = `data:image/png;base64,${"A".repeat(80_000)}`;
    const items = fixtureReport().subjects[0]!.gallery.map((item) => ({
      ...item,
      original: { ...item.original, image },
      adversarial: { ...item.adversarial, image },
      perturbation: { ...item.perturbation, image },
    }));
    const { page, text } = open(withGallery(items));
    expect(Buffer.byteLength(text)).toBeLessThan(2_000_000);
    expect(page.querySelectorAll(".specimen").length).toBe(3); // one of 240,000 characters in each third of 1,300,000
    expect(page.body.textContent).toContain("5 more in report.json");
  });

  test("stays below 2 MB with a thousand classes", () => {
    const perClass = Array.from({ length: 1000 }, (_, i) => ({
      name: `class ${i}`,
      samples: 5,
      clean: 1,
      robust: i / 1000,
    }));
    const report = {
      ...fixtureReport(),
      subjects: fixtureReport().subjects.map((subject) => ({ ...subject, perClass })),
    };
    const { page, text } = open(report);
    expect(Buffer.byteLength(text)).toBeLessThan(2_000_000);
    expect(page.querySelectorAll(".classes tbody tr").length).toBe(300);
  });
});

describe("hostile names", () => {
  const attempts = [
    `<script>alert(1)</script>`,
    `"><img src=x onerror=alert(1)>`,
    `' onmouseover='alert(1)`,
    `</style><script>alert(1)</script>`,
    `</svg><script>alert(1)</script>`,
    `<!--`,
    `]]><script>alert(1)</script>`,
    "` onload=`alert(1)",
    `{{constructor.constructor('alert(1)')()}}`,
  ];

  test.each(attempts)("%s stays text wherever it stands", (attempt) => {
    const { page, text } = open(poisoned(interruptedReport(), attempt));
    const clean = open(interruptedReport()).page;
    const shape = (document: typeof page) =>
      [...document.querySelectorAll("*")].map(({ localName }) => localName).sort();
    const expected = shape(clean);
    expect(shape(page).filter((name) => !expected.includes(name))).toEqual([]);
    expect(page.querySelectorAll("script").length).toBe(0);
    for (const element of page.querySelectorAll("*")) {
      for (const name of element.getAttributeNames()) expect(name).not.toMatch(/^on|^style$|^srcdoc$/);
    }
    expect(text).not.toContain("<script");
    expect(page.querySelector(".card .subject")?.textContent).toContain(attempt);
  });

  test("addresses that are not of the web are not links", () => {
    const { page } = open(poisoned(fixtureReport(), "javascript:alert(1)"));
    const targets = [...page.querySelectorAll("a")].map((a) => a.getAttribute("href"));
    expect(targets.filter((target) => !/^(#|https?:)/.test(target!))).toEqual([]);
  });

  test.each([
    "javascript:alert(1)",
    "https://example.org/x.png",
    "data:image/svg+xml,<svg onload=alert(1)>",
    'data:image/png;base64,AA" onerror="x',
  ])("%s is not shown as a picture", (image) => {
    const [item] = fixtureReport().subjects[0]!.gallery as [GalleryItem];
    const poisonedItem = {
      ...item,
      original: { ...item.original, image },
      adversarial: { ...item.adversarial, image },
      perturbation: { ...item.perturbation, image },
    };
    expect(open(withGallery([poisonedItem])).page.querySelectorAll("img").length).toBe(0);
  });
});

function open(report: AuditReport) {
  const text = renderHtml(report);
  return { text, page: parseHTML(text).document };
}

interface TreeNode {
  readonly nodeType: number;
  readonly textContent: string | null;
  readonly childNodes: Iterable<TreeNode>;
}

/** What a reader reads, one space between the texts of different elements. */
function words(element: TreeNode | null | undefined): string {
  const texts = (node: TreeNode): string[] =>
    node.nodeType === 3 ? [node.textContent ?? ""] : [...node.childNodes].flatMap(texts);
  return (element ? texts(element) : []).join(" ").replaceAll(/\s+/g, " ").trim();
}

function withGallery(gallery: readonly GalleryItem[]): AuditReport {
  const report = fixtureReport();
  return { ...report, subjects: report.subjects.map((subject) => ({ ...subject, gallery })) };
}

function bare(subject: SubjectReport): SubjectReport {
  const [check] = subject.checks;
  return {
    ...subject,
    checks: [{ ...check!, status: "failed", metrics: [] }],
    perClass: [],
    gallery: [],
    assumptions: [],
  };
}

const KEPT = new Set([
  "schema",
  "status",
  "kind",
  "norm",
  "unit",
  "access",
  "profile",
  "gradient",
  "image",
  "id",
  "check",
  "reason",
]);

/** The report with every free text in it replaced; ids get it too, kept apart by what they were. */
function poisoned(report: AuditReport, text: string): AuditReport {
  return JSON.parse(
    JSON.stringify(report, (key, value) => {
      if (typeof value !== "string") return value;
      if (key === "id" || key === "check") return `${value}${text}`;
      return KEPT.has(key) ? value : text;
    }),
  );
}
