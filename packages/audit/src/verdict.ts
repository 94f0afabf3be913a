import type { ValidityWarningId } from "@casemate/attacks";
import { searchesWithoutGradients } from "./checks/attacks/index.ts";
import type { AttackReport, CheckReport, Metric, Norm, SubjectReport } from "./report.ts";

/**
 * How a model stood up to the attacks, judged by the share of its correct answers that the strongest completed attack left
 * standing: broken below 10 %, weak below 50 %, dented below 80 %, standing from there. "masked" is a broken or weak model of
 * which one attack would have left half or more, though the gradients mislead, "unproven" one that stood while planned checks are missing, or one that stood or was dented while
 * gradients mislead and no attack without them ran, and "untested" one on which no attack completed.
 */
export type Outcome = "broken" | "masked" | "weak" | "dented" | "standing" | "unproven" | "untested";

export interface Verdict {
  readonly outcome: Outcome;
  /** A few words: "Falls at once". */
  readonly title: string;
  /** The same in a sentence or two, with the numbers. */
  readonly sentence: string;
  readonly clean: Metric | undefined;
  readonly robust: Metric | undefined;
  readonly strongest: CheckReport | undefined;
  /** Ids of checks that failed or did not run. */
  readonly missing: readonly string[];
}

const TITLES: Record<Outcome, string> = {
  broken: "Falls",
  masked: "Only looks robust",
  weak: "Weak",
  dented: "Holds in part",
  standing: "Holds",
  unproven: "Not fully tested",
  untested: "Not tested",
};

/** Judges one model by its strongest attack. */
export function verdictOf(subject: SubjectReport): Verdict {
  const clean = metricOf(subject.checks, "accuracy.clean");
  const strongest = strongestAttack(subject);
  const robust = strongest && metricOf([strongest], "accuracy.robust");
  const missing = [
    ...subject.checks.filter(({ status }) => status === "failed").map(({ id }) => id),
    ...subject.notRun,
  ];
  const found = outcomeOf(subject, strongest);
  const isMisled = (found === "standing" || found === "dented") && hasOnlyMisledAttacks(subject, strongest);
  const outcome = isMisled || (found === "standing" && missing.length > 0) ? "unproven" : found;
  return {
    outcome,
    title: TITLES[outcome],
    sentence: `${sentenceOf(subject, outcome, clean, robust, strongest, missing)}${isMisled ? MISLED : ""}`,
    clean,
    robust,
    strongest,
    missing,
  };
}

/** Signs that gradients do not show the way. */
const MISLEADING: readonly string[] = [
  "gradient-masking",
  "zero-gradients",
  "black-box-wins",
] satisfies readonly ValidityWarningId[];

const MISLED = " The gradients mislead, and no attack that searches without them ran: what stood may fall to one.";

/** Whether gradients mislead, and nothing else was tried within the threat that the verdict is about. */
function hasOnlyMisledAttacks({ checks }: SubjectReport, strongest: CheckReport | undefined): boolean {
  const isMisleading = checks.some(({ warnings }) => warnings.some(({ id }) => MISLEADING.includes(id)));
  return isMisleading && !checks.some((check) => searchesWithoutGradients(check.id) && sharesThreat(check, strongest));
}

/** The id of the check that takes all attacks of one threat together. */
const TOGETHER = "worst-case";

/**
 * The completed check that the verdict rests on: all attacks together where that was measured, else the attack after which
 * the fewest answers were right, of those that share the threat of the first.
 */
export function strongestAttack({ checks }: SubjectReport): CheckReport | undefined {
  const attacks = checks.filter(({ status, attack }) => status === "completed" && attack);
  const together = attacks.find(({ id }) => id === TOGETHER);
  if (together) return together;
  const comparable = attacks.filter((check) => sharesThreat(check, attacks[0]));
  return comparable.reduce<CheckReport | undefined>(
    (worst, check) => (worst === undefined || robustShare(check) < robustShare(worst) ? check : worst),
    undefined,
  );
}

/** The outcome of one attack on its own, by the same thresholds. */
export function outcomeOfAttack({ broken, robust, failed }: AttackReport): Exclude<Outcome, "masked" | "unproven"> {
  const attacked = broken + robust + failed;
  if (attacked === 0 || broken + robust === 0) return "untested";
  const kept = robust / attacked; // a sample that the attack failed on is not one that stood
  return kept < 0.1 ? "broken" : kept < 0.5 ? "weak" : kept < 0.8 ? "dented" : "standing";
}

function outcomeOf(subject: SubjectReport, strongest: CheckReport | undefined): Outcome {
  if (!strongest?.attack) return "untested";
  const outcome = outcomeOfAttack(strongest.attack);
  const isMasked = subject.checks.some(({ warnings }) => warnings.some(({ id }) => id === "gradient-masking"));
  const looksRobust = robustShare(mildestGradientAttack(subject.checks, strongest)) >= 0.5;
  return isMasked && looksRobust && (outcome === "broken" || outcome === "weak") ? "masked" : outcome;
}

function sentenceOf(
  { checks }: SubjectReport,
  outcome: Outcome,
  clean: Metric | undefined,
  robust: Metric | undefined,
  strongest: CheckReport | undefined,
  missing: readonly string[],
): string {
  const gap =
    missing.length === 0
      ? ""
      : ` ${missing.length} planned ${missing.length === 1 ? "check" : "checks"} did not finish.`;
  const right = clean ? `Right on ${percent(clean.value)} of clean samples` : "Clean accuracy was not measured";
  if (!strongest?.attack || !robust)
    return `${right}. No attack ran to its end, so nothing is known about its robustness.${gap}`;
  const after = `${percent(robust.value)} within ${threat(strongest.attack)} (${strongest.title})`;
  const mildest = mildestGradientAttack(checks, strongest);
  const contrast =
    outcome === "masked" && mildest !== strongest
      ? ` ${mildest.title} alone would have suggested ${percent(robustShare(mildest))}.`
      : "";
  return `${right}, on ${after}.${contrast}${gap}`;
}

/** The attack with gradients, at the same threat, that left most standing; the strongest itself if there is no other. */
function mildestGradientAttack(checks: readonly CheckReport[], strongest: CheckReport): CheckReport {
  return checks
    .filter((check) => check.attack?.access === "gradient" && check.id !== TOGETHER && sharesThreat(check, strongest))
    .reduce((mild, check) => (robustShare(check) > robustShare(mild) ? check : mild), strongest);
}

function sharesThreat({ status, attack }: CheckReport, other: CheckReport | undefined): boolean {
  return status === "completed" && attack?.norm === other?.attack?.norm && attack?.epsilon === other?.attack?.epsilon;
}

function robustShare(check: CheckReport): number {
  return metricOf([check], "accuracy.robust")?.value ?? 1;
}

function metricOf(checks: readonly CheckReport[], name: string): Metric | undefined {
  return checks
    .filter(({ status }) => status === "completed")
    .flatMap(({ metrics }) => metrics)
    .find((metric) => metric.name === name);
}

/** A proportion as people read it: 0.0364 is "3.6%". */
export function percent(proportion: number): string {
  return `${(proportion * 100).toFixed(1)}%`;
}

/** A threat as papers print it: "L∞ 0.3". */
export function threat({ norm, epsilon }: { readonly norm: Norm; readonly epsilon: number }): string {
  return `${NORMS[norm]} ${Number(epsilon.toPrecision(4))}`;
}

/** The sign of each norm. */
export const NORMS: Record<Norm, string> = { linf: "L∞", l2: "L2", l1: "L1", l0: "L0" };
