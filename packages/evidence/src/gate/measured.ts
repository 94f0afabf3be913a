import type { EvidenceRecord, EvidenceThreshold } from "../statements/evidence-record.ts";
import type { PredicateOf } from "../statements/predicates.ts";
import type { Statement } from "../statements/statement.ts";
import type { LineStatus } from "./decision.ts";
import type { MetricRule, Requirement } from "./policy.ts";

/** Whether what was measured is enough, recent, and for this place. */
export function measured(
  requirement: Requirement,
  { subject, predicate }: Statement,
  signer: string,
  { environment, now }: { readonly environment?: string; readonly now: Date },
): readonly [LineStatus, string] {
  const record = predicate as unknown as Partial<EvidenceRecord> & { readonly verdict?: string };
  const { kind, data, metrics = [], maximumAgeDays, minimumSamples } = requirement;
  const { verdicts = kind === "scan" ? ["clean"] : undefined } = requirement;
  const { results = ["passed", "warned", "measured"] } = requirement;
  const result = record.result?.toLowerCase(); // in-toto's own have it in capitals
  if (data !== undefined && !subject.some(({ digest }) => digest.sha256 === data))
    return ["out of scope", `measured on other data than ${data}`];
  if (environment !== undefined && record.scope?.environment !== undefined && record.scope.environment !== environment)
    return ["out of scope", `measured for ${record.scope.environment}, not for ${environment}`];
  if (verdicts !== undefined && !verdicts.includes(record.verdict as never))
    return ["failing", `the verdict is ${record.verdict}; expected ${verdicts.join(" or ")}`];
  if (kind !== "approval" && result !== undefined && !results.includes(result as never))
    return ["failing", `the result is ${result}; expected ${results.join(" or ")}`];
  const weakness = kind === "robustness" ? weaknessOf(requirement, predicate as unknown as Attacked) : undefined;
  if (weakness !== undefined) return ["failing", weakness];
  for (const rule of metrics) {
    const shortfall = shortfallOf(rule, record, minimumSamples);
    if (shortfall !== undefined) return ["failing", shortfall];
  }
  if (record.expiresOn !== undefined && now.getTime() >= Date.parse(record.expiresOn))
    return ["stale", `expired on ${record.expiresOn}`];
  const finishedOn = finishOf(predicate);
  const age = finishedOn === undefined ? undefined : (now.getTime() - Date.parse(finishedOn)) / DAY;
  if (age !== undefined && age < -CLOCK_SKEW) return ["untrusted", `says that it ends in the future, on ${finishedOn}`];
  if (maximumAgeDays !== undefined && (age === undefined || age > maximumAgeDays))
    return [
      "stale",
      age === undefined
        ? "does not say when it was measured"
        : `${age.toFixed(1)} days old; expected at most ${maximumAgeDays}`,
    ];
  const values = metrics.map((rule) => `${rule.metric} ${format(measuredValue(rule, record)!)} (${boundsOf(rule)})`);
  const isUnbound = metrics.length === 0 && verdicts === undefined && (record.metrics ?? []).length > 0;
  return [
    "met",
    [...values, `signed by ${signer}`, ...(isUnbound ? ["the policy sets no threshold for it"] : [])].join(", "),
  ];
}

const DAY = 24 * 60 * 60 * 1000;
const CLOCK_SKEW = 5 / (24 * 60); // five minutes, in days

type Attacked = Pick<PredicateOf<"robustness">, "threat" | "checks">;

/** Why an attack was less than what is asked for, or undefined. Numbers of a report are those at its largest epsilon. */
function weaknessOf({ threat, checks: asked = [] }: Requirement, attacked: Attacked): string | undefined {
  const { norm, epsilons } = attacked.threat;
  const epsilon = Math.max(...epsilons);
  if (threat !== undefined && (norm !== threat.norm || epsilon < threat.epsilon))
    return `attacked within ${norm} ${format(epsilon)}; expected at least ${threat.norm} ${format(threat.epsilon)}`;
  const missed = asked.find((id) => !attacked.checks.some((check) => check.id === id && check.status === "completed"));
  return missed === undefined ? undefined : `the check ${missed} was not completed`;
}

/** When something was measured, verified or made, by the names that the kinds have for it. */
function finishOf(predicate: Statement["predicate"]): string | undefined {
  const { finishedOn, timeCreated, runDetails } = predicate as {
    readonly finishedOn?: string;
    readonly timeCreated?: string;
    readonly runDetails?: { readonly metadata?: { readonly finishedOn?: string } };
  };
  return finishedOn ?? timeCreated ?? runDetails?.metadata?.finishedOn;
}

/** Why a metric is not enough, or undefined. */
function shortfallOf(
  rule: MetricRule,
  record: Partial<EvidenceRecord>,
  minimumSamples: number | undefined,
): string | undefined {
  const { metric, atLeast, atMost, use = "value", fixedBeforehand = false } = rule;
  const value = measuredValue(rule, record);
  const what = use === "value" ? metric : `the ${use} end of the interval of ${metric}`;
  if (value === undefined) return `${what} was not measured`;
  if ((atLeast !== undefined && value < atLeast) || (atMost !== undefined && value > atMost))
    return `${what} is ${format(value)}; expected ${boundsOf(rule)}`;
  const { n } = record.metrics!.find(({ name }) => name === metric)!;
  if (minimumSamples !== undefined && (n === undefined || n < minimumSamples))
    return `${metric} was measured on ${n ?? "an unknown number of"} samples; expected at least ${minimumSamples}`;
  const fixed = (record.thresholds ?? []).some(
    (threshold) => threshold.metric === metric && isAsStrict(threshold, rule),
  );
  return fixedBeforehand && !fixed
    ? `no threshold of ${boundsOf(rule)} on ${metric} was approved before the measurement`
    : undefined;
}

/** The far end of an interval is a stricter bound than the value. */
function isAsStrict(threshold: EvidenceThreshold, { atLeast, atMost, use = "value" }: MetricRule): boolean {
  const { use: approved = "value" } = threshold;
  const reaches = (strictest: "lower" | "upper"): boolean => approved === use || approved === strictest;
  return (
    (atLeast === undefined || (threshold.atLeast !== undefined && threshold.atLeast >= atLeast && reaches("lower"))) &&
    (atMost === undefined || (threshold.atMost !== undefined && threshold.atMost <= atMost && reaches("upper")))
  );
}

function measuredValue(
  { metric, use = "value" }: MetricRule,
  { metrics = [] }: Partial<EvidenceRecord>,
): number | undefined {
  const found = metrics.find(({ name }) => name === metric);
  return use === "value" ? found?.value : found?.interval?.[use];
}

/** "at least 0.5". */
export function boundsOf({ atLeast, atMost }: MetricRule): string {
  return [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(" and ");
}

function format(value: number): string {
  return String(Number(value.toPrecision(4)));
}
