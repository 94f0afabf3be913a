import {
  type Attack,
  type AttackResult,
  type Classifier,
  type Progress,
  type SampleResult,
  stream,
} from "@casemate/attacks";
import { AuditError } from "../errors.ts";
import type { AttackReport, Metric, Norm, Warning } from "../report.ts";
import type { OpenSubject } from "../subject.ts";
import type { AttackRow } from "./attacks/attack-row.ts";
import type {
  Check,
  CheckContext,
  CheckProgress,
  FinishedCheck,
  Measurement,
  SampleOutcomes,
  SampleStatus,
} from "./check.ts";
import { distributionOf, quantile } from "./distances.ts";
import { galleryOf } from "./gallery.ts";
import { pointAt, proportion } from "./proportion.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";
import { worstOutcomes } from "./worst-case.ts";

export interface AttackCheckOptions {
  readonly id: string;
  readonly title: string;
  readonly attack: Attack;
  readonly through?: AttackRow["through"];
  readonly norm: Norm;
  /** Radii from the smallest; the verdict is about the last. */
  readonly epsilons: readonly number[];
  /** How many samples to attack, drawn by the seed. */
  readonly samples: number;
  readonly seed: number;
  /** Estimated forward passes for one sample that stands. */
  readonly costPerSample: number;
  /** Ids of the checks whose broken samples it leaves alone and takes over; it attacks all samples if absent. */
  readonly standingAfter?: readonly string[];
}

/** The row of a plan that runs one attack and judges what it did. */
export function attackCheck(options: AttackCheckOptions): Check {
  const { id, title, attack, norm, epsilons, samples, costPerSample } = options;
  return {
    id,
    title,
    kind: "attack",
    citation: attack.citation,
    taxonomy: evasion[accessOf(options)],
    parameters: { ...attack.parameters, norm, epsilon: epsilons.at(-1)!, samples },
    cost: samples * costPerSample,
    run: (context) => runAttack(context, options),
  };
}

async function* runAttack(
  { subject, earlier, signal }: CheckContext,
  options: AttackCheckOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const { id, attack, norm, epsilons, samples, seed, standingAfter = [] } = options;
  const chosen = chooseSamples(subject.samples.length, samples, seed).map((row) => subject.samples[row]!);
  const decided = decidedBy([...earlier.values()], standingAfter);
  const indices = chosen.filter((index) => !decided.has(index));
  if (indices.length === 0) return withoutAttack(chosen, decided, options);
  const model = await attackedBy(options, subject);
  const events = stream(
    model,
    subject.inputs(indices),
    indices.map((index) => subject.labels[index]!),
    subject.threat(norm, epsilons),
    {
      attack,
      seed,
      indices,
      ...(signal && { signal }),
    },
  );
  let next = await events.next();
  while (!next.done) {
    yield progressOf(next.value, epsilons, attack.restarts);
    next = await events.next();
  }
  const result = next.value;
  refuseAllFailed(result);
  const found = new Map(result.samples.map((sample) => [sample.sample, outcomeOf(sample)]));
  const outcomes = chosen.map((index) => found.get(index) ?? decided.get(index)!);
  return {
    queries: result.queries,
    metrics: [...metricsOf(attack, outcomes, result.queries.forward), ...stageMetrics(attack, result, outcomes)],
    ...(attack.aim !== "anywhere" && {
      attack: reportOf(options, outcomes, decided.size > 0 ? [] : result.curve, result.borderline),
    }),
    samples: columnsOf(outcomes),
    evidence: evidenceOf(options, result.zeroGradients),
    warnings: failedWarning(result),
    ...(result.leftOut.length > 0 && { notes: result.leftOut.map((words) => `Without its member ${words}.`) }),
    gallery: await galleryOf(subject, id, result),
  };
}

/** One sample after an attack. */
interface Outcome {
  readonly index: number;
  readonly status: SampleStatus;
  readonly prediction: number;
  readonly distance: number | null;
  readonly stage?: string;
}

type Facts = Pick<AttackCheckOptions, "attack" | "through" | "norm" | "epsilons">;

/** What the attacker sees: where gradients are estimated, scores. */
function accessOf({ attack, through }: Pick<Facts, "attack" | "through">): Attack["access"] {
  return through ? "score" : attack.access;
}

/** The model as the attack gets it. */
async function attackedBy({ attack, through }: AttackCheckOptions, subject: OpenSubject): Promise<Classifier> {
  if (through) return through(await subject.classifier(), subject.rangeWidth);
  return attack.access === "gradient" ? subject.gradientClassifier() : subject.classifier();
}

/** What earlier checks have settled, by sample. */
function decidedBy(earlier: readonly FinishedCheck[], ids: readonly string[]): ReadonlyMap<number, Outcome> {
  const settled = [...worstOutcomes(earlier, ids)].filter(
    ([, { status }]) => status === "broken" || status === "wrong",
  );
  return new Map(
    settled.map(([index, { distance, ...outcome }]) => [index, { index, ...outcome, distance: distance ?? null }]),
  );
}

/** What is measured where nothing was left to attack. */
function withoutAttack(chosen: readonly number[], decided: ReadonlyMap<number, Outcome>, facts: Facts): Measurement {
  const { attack } = facts;
  const outcomes = chosen.map((index) => decided.get(index)!);
  return {
    queries: { forward: 0, backward: 0 },
    metrics: metricsOf(attack, outcomes, 0),
    ...(attack.aim !== "anywhere" && { attack: reportOf(facts, outcomes, [], 0) }),
    samples: columnsOf(outcomes),
    evidence: evidenceOf(facts, { count: 0, of: 0 }),
  };
}

function outcomeOf(result: SampleResult): Outcome {
  const { sample, status, prediction, adversarialPrediction, distance, stage } = result;
  return {
    index: sample,
    status,
    prediction: adversarialPrediction ?? prediction,
    distance: distance ?? null,
    ...(stage !== undefined && { stage }),
  };
}

function progressOf(
  { epsilon, restart, step, steps, done, total, queries }: Progress,
  epsilons: readonly number[],
  restarts: number,
): CheckProgress {
  const ofRestart = (restart + step / steps) / (restarts + 1);
  const radius = Math.max(0, epsilons.indexOf(epsilon));
  const ofBlock = (radius + ofRestart) / epsilons.length;
  return { fraction: (done + ofBlock * (total - done)) / total, queries: queries.forward + queries.backward };
}

function refuseAllFailed({ samples }: AttackResult): void {
  const attacked = samples.filter(({ status }) => status !== "wrong");
  const failed = attacked.filter(({ status }) => status === "failed");
  if (failed.length > 0 && failed.length === attacked.length) {
    throw new AuditError(
      "CHECK_FAILED",
      `all ${failed.length} samples failed: ${failed[0]!.message ?? "no reason given"}`,
    );
  }
}

function failedWarning({ samples }: AttackResult): readonly Warning[] {
  const failed = samples.filter(({ status }) => status === "failed");
  if (failed.length === 0) return [];
  return [
    {
      id: "samples-failed",
      message: `${failed.length} of ${samples.length} samples could not be attacked to the end: ${failed[0]!.message ?? "no reason given"}`,
      meaning: "They count as not robust, since nothing shows that they are.",
      documentation: "docs/guide/validity.md#samples-that-failed",
    },
  ];
}

function metricsOf({ aim }: Attack, outcomes: readonly Outcome[], forward: number): readonly Metric[] {
  const count = countsOf(outcomes);
  const attacked = outcomes.length - count.wrong;
  const distances = brokenDistances(outcomes);
  return [
    // one that is bounded by no ball says nothing about robustness within one
    proportion(aim === "anywhere" ? "accuracy.transformed" : "accuracy.robust", count.robust, outcomes.length),
    proportion("attack.success", count.broken, attacked),
    ...(distances.length > 0
      ? [{ name: "distance.median", value: quantile(distances, 0.5), unit: "distance" } as const]
      : []),
    { name: "queries.per-sample", value: attacked === 0 ? 0 : forward / attacked, unit: "count" },
  ];
}

/** Of an assembly: how many samples stood after each of its members. */
function stageMetrics(
  attack: Attack,
  { samples, norm }: AttackResult,
  outcomes: readonly Outcome[],
): readonly Metric[] {
  const { robust } = countsOf(outcomes);
  const stages = attack.stages?.filter(({ norms }) => norms.includes(norm)) ?? [];
  return stages.map(({ name }, index) => {
    const later = stages.slice(index + 1).map((stage) => stage.name);
    const fallLater = samples.filter(({ status, stage }) => status === "broken" && later.includes(stage ?? ""));
    const value = robust + fallLater.length;
    return { name: `robust.after.${index + 1}.${name}`, value, unit: "count", count: value, of: outcomes.length };
  });
}

function reportOf(
  facts: Facts,
  outcomes: readonly Outcome[],
  curve: AttackResult["curve"],
  borderline: number,
): AttackReport {
  const { norm, epsilons } = facts;
  const count = countsOf(outcomes);
  const total = outcomes.length;
  const distances = distributionOf(brokenDistances(outcomes));
  const epsilon = epsilons.at(-1)!;
  const points = curve.length > 0 ? curve : [{ epsilon, robust: count.robust }];
  return {
    access: accessOf(facts),
    norm,
    epsilon,
    ...count,
    curve: [
      pointAt(0, total - count.wrong, total),
      ...points.map((point) => pointAt(point.epsilon, point.robust, total)),
    ],
    ...(distances && { distances }),
    borderline,
  };
}

function columnsOf(outcomes: readonly Outcome[]): SampleOutcomes {
  return {
    index: outcomes.map(({ index }) => index),
    status: outcomes.map(({ status }) => status),
    prediction: outcomes.map(({ prediction }) => prediction),
    distance: outcomes.map(({ distance }) => distance),
    ...(outcomes.some(({ stage }) => stage !== undefined) && { stage: outcomes.map(({ stage }) => stage ?? null) }),
  };
}

function evidenceOf(facts: Facts, zeroGradients: AttackResult["zeroGradients"]): NonNullable<Measurement["evidence"]> {
  const { attack, norm, epsilons } = facts;
  const { name, aim, parameters } = attack;
  return { attack: { name, access: accessOf(facts), aim, parameters }, norm, epsilons, zeroGradients };
}

function countsOf(outcomes: readonly Outcome[]): Pick<AttackReport, "broken" | "robust" | "wrong" | "failed"> {
  const count = { broken: 0, robust: 0, wrong: 0, failed: 0 };
  for (const { status } of outcomes) count[status]++;
  return count;
}

function brokenDistances(outcomes: readonly Outcome[]): readonly number[] {
  return outcomes.flatMap(({ status, distance }) => (status === "broken" ? [distance!] : [])).sort((a, b) => a - b);
}
