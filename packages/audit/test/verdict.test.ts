import { describe, expect, test } from "vitest";
import type { AttackReport, CheckReport, SubjectReport } from "../src/report.ts";
import { outcomeOfAttack, threat, verdictOf } from "../src/verdict.ts";
import { fixtureReport, interruptedReport } from "./fixture-report.ts";

describe("verdictOf", () => {
  const verdicts = (subjects: readonly SubjectReport[]) => subjects.map((subject) => verdictOf(subject));

  test("tells the three digit models apart", () => {
    expect(verdicts(fixtureReport().subjects).map(({ outcome }) => outcome)).toEqual(["broken", "masked", "standing"]);
  });

  test("a model that falls to every attack does not look robust, whatever the gradients do", () => {
    const masked = fixtureReport().subjects[1]!;
    const checks = masked.checks.map((check) => ({
      ...check,
      metrics: check.metrics.map((metric) => (metric.name === "accuracy.robust" ? { ...metric, value: 0.04 } : metric)),
    }));
    expect(verdictOf({ ...masked, checks }).outcome).toBe("broken");
  });

  test("names the numbers that it rests on", () => {
    expect(verdicts(fixtureReport().subjects)[1]!.sentence).toBe(
      "Right on 97.2% of clean samples, on 4.2% within L∞ 0.3 (All attacks together). FGSM alone would have suggested 66.8%.",
    );
  });

  test("a model that stood is unproven while planned checks are missing", () => {
    const verdict = verdicts(interruptedReport().subjects)[2]!;
    expect(verdict.outcome).toBe("unproven");
    expect(verdict.missing).toEqual(["apgd-ce", "square", "worst-case"]);
    expect(verdict.sentence).toContain("3 planned checks did not finish.");
  });

  describe("where gradients mislead", () => {
    const [, , robust] = fixtureReport().subjects as [SubjectReport, SubjectReport, SubjectReport];
    const warned = (id: string, kept: readonly string[], more: readonly CheckReport[] = []): SubjectReport => ({
      ...robust,
      checks: [
        ...robust.checks.filter((check) => kept.includes(check.id)),
        ...more,
        {
          ...robust.checks[0]!,
          ...{ id: "validity", kind: "validity", metrics: [] },
          warnings: [{ id, message: "flat", meaning: "", documentation: "docs/guide/validity.md" }],
        },
      ],
    });
    const square = robust.checks.find(({ id }) => id === "square")!;
    const gradients = ["accuracy", "fgsm", "pgd", "worst-case"];

    test.each(["zero-gradients", "gradient-masking", "black-box-wins"])(
      "%s and no attack without them leave a model that stood unproven",
      (id) => {
        const verdict = verdictOf(warned(id, gradients));
        expect(verdict).toMatchObject({ outcome: "unproven", title: "Not fully tested" });
        expect(verdict.sentence).toContain("The gradients mislead, and no attack that searches without them ran");
      },
    );

    test("a search by scores at the same threat settles it, another threat, a failure or noise does not", () => {
      const outcomes = [
        square,
        { ...square, attack: { ...square.attack!, norm: "l2" as const } },
        { ...square, attack: { ...square.attack!, epsilon: 0.1 } },
        { ...square, status: "failed" as const },
        { ...square, id: "noise", attack: { ...square.attack!, access: "decision" as const } },
        { ...square, id: "autoattack", attack: { ...square.attack!, access: "gradient" as const } },
        { ...square, id: "hop-skip-jump", attack: { ...square.attack!, access: "decision" as const } },
      ].map((check) => verdictOf(warned("zero-gradients", gradients, [check])).outcome);
      const [settled, other, smaller, failed, noise, assembly, decisions] = outcomes;
      expect([settled, assembly, decisions]).toEqual(["standing", "standing", "standing"]);
      expect([other, smaller, failed, noise]).toEqual(["unproven", "unproven", "unproven", "unproven"]);
    });

    test("a model that holds in part is unproven too, and one that falls has fallen", () => {
      const left = (broken: number) => {
        const subject = warned("zero-gradients", gradients);
        const checks = subject.checks.map((check) =>
          check.attack ? { ...check, attack: { ...check.attack, broken, robust: 481 - broken } } : check,
        );
        return verdictOf({ ...subject, checks }).outcome;
      };
      expect([left(150), left(470)]).toEqual(["unproven", "broken"]);
    });

    test("other warnings change nothing", () => {
      expect(verdictOf(warned("margin-ties", gradients)).outcome).toBe("standing");
    });
  });

  test("without all attacks together the strongest attack of the same threat decides", () => {
    const [, , robust] = fixtureReport().subjects as [SubjectReport, SubjectReport, SubjectReport];
    const checks = robust.checks
      .filter(({ id }) => id !== "worst-case")
      .map((check) =>
        check.id === "square" && check.attack ? { ...check, attack: { ...check.attack, norm: "l2" as const } } : check,
      );
    expect(verdictOf({ ...robust, checks }).strongest?.id).toBe("apgd-ce");
  });

  test("a failed check decides nothing, whatever it carries", () => {
    const [standard] = fixtureReport().subjects as [SubjectReport];
    const checks = standard.checks.map((check) => ({ ...check, status: "failed" as const }));
    const { outcome, clean, robust, sentence } = verdictOf({ ...standard, checks });
    expect({ outcome, clean, robust }).toEqual({ outcome: "untested", clean: undefined, robust: undefined });
    expect(sentence).toContain("nothing is known about its robustness");
  });
});

test.each([
  [{ broken: 91, robust: 9, failed: 0 }, "broken"],
  [{ broken: 90, robust: 10, failed: 0 }, "weak"],
  [{ broken: 50, robust: 50, failed: 0 }, "dented"],
  [{ broken: 21, robust: 79, failed: 0 }, "dented"],
  [{ broken: 20, robust: 80, failed: 0 }, "standing"],
  [{ broken: 0, robust: 80, failed: 21 }, "dented"], // samples that the attack failed on did not stand
  [{ broken: 0, robust: 0, failed: 5 }, "untested"],
  [{ broken: 0, robust: 0, failed: 0 }, "untested"],
] as const)("%j is %s", (counts, outcome) => {
  const report: AttackReport = {
    access: "score",
    norm: "l2",
    epsilon: 1,
    wrong: 0,
    curve: [],
    borderline: 0,
    ...counts,
  };
  expect(outcomeOfAttack(report)).toBe(outcome);
});

test("a threat is written as papers do", () => {
  expect(threat({ norm: "linf", epsilon: Math.fround(8 / 255) })).toBe("L∞ 0.03137");
});
