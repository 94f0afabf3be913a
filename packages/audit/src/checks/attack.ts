import { type Attack, type AttackResult, type Progress, type SampleResult, stream } from "@casemate/attacks";
import { AuditError } from "../errors.ts";
import type { AttackReport, Metric, Norm, Warning } from "../report.ts";
import type { Check, CheckContext, CheckProgress, Measurement, SampleOutcomes } from "./check.ts";
import { distributionOf, quantile } from "./distances.ts";
import { galleryOf } from "./gallery.ts";
import { pointAt, proportion } from "./proportion.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";

export interface AttackCheckOptions {
  readonly id: string;
  readonly title: string;
  readonly attack: Attack;
  readonly norm: Exclude<Norm, "l0">;
  /** Radii from the smallest; the verdict is about the last. */
  readonly epsilons: readonly number[];
  /** How many samples to attack, drawn by the seed. */
  readonly samples: number;
  readonly seed: number;
  /** Estimated forward passes for one sample that stands. */
  readonly costPerSample: number;
}

/** The row of a plan that runs one attack and judges what it did. */
export function attackCheck(options: AttackCheckOptions): Check {
  const { id, title, attack, norm, epsilons, samples, costPerSample } = options;
  return {
    id,
    title,
    kind: "attack",
    citation: attack.citation,
    taxonomy: evasion[attack.access],
    parameters: { ...attack.parameters, norm, epsilon: epsilons.at(-1)!, samples },
    cost: samples * costPerSample,
    run: (context) => runAttack(context, options),
  };
}

async function* runAttack(
  { subject, signal }: CheckContext,
  { id, attack, norm, epsilons, samples, seed }: AttackCheckOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const indices = chooseSamples(subject.samples.length, samples, seed).map((row) => subject.samples[row]!);
  const model = attack.access === "gradient" ? await subject.gradientClassifier() : await subject.classifier();
  const x = subject.inputs(indices);
  const labels = indices.map((index) => subject.labels[index]!);
  const threat = { norm, epsilons, ...(subject.mask && { mask: subject.mask }) };
  const events = stream(model, x, labels, threat, { attack, seed, indices, ...(signal && { signal }) });
  let next = await events.next();
  while (!next.done) {
    yield progressOf(next.value, epsilons, attack.restarts);
    next = await events.next();
  }
  const result = next.value;
  refuseAllFailed(result);
  return {
    queries: result.queries,
    metrics: metricsOf(result),
    ...(attack.aim !== "anywhere" && { attack: reportOf(result, attack.access) }),
    samples: outcomesOf(result),
    evidence: evidenceOf(result),
    warnings: failedWarning(result),
    gallery: await galleryOf(subject, id, result),
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

function metricsOf({ attack, samples, queries }: AttackResult): readonly Metric[] {
  const count = countsOf(samples);
  const attacked = samples.length - count.wrong;
  const distances = brokenDistances(samples);
  return [
    // one that is bounded by no ball says nothing about robustness within one
    proportion(attack.aim === "anywhere" ? "accuracy.transformed" : "accuracy.robust", count.robust, samples.length),
    proportion("attack.success", count.broken, attacked),
    ...(distances.length > 0
      ? [{ name: "distance.median", value: quantile(distances, 0.5), unit: "distance" } as const]
      : []),
    { name: "queries.per-sample", value: attacked === 0 ? 0 : queries.forward / attacked, unit: "count" },
  ];
}

function reportOf(
  { norm, epsilons, samples, curve, borderline }: AttackResult,
  access: Attack["access"],
): AttackReport {
  const count = countsOf(samples);
  const total = samples.length;
  const distances = distributionOf(brokenDistances(samples));
  return {
    access,
    norm,
    epsilon: epsilons.at(-1)!,
    ...count,
    curve: [
      pointAt(0, total - count.wrong, total),
      ...curve.map(({ epsilon, robust }) => pointAt(epsilon, robust, total)),
    ],
    ...(distances && { distances }),
    borderline,
  };
}

function outcomesOf({ samples }: AttackResult): SampleOutcomes {
  return {
    index: samples.map(({ sample }) => sample),
    status: samples.map(({ status }) => status),
    prediction: samples.map(({ prediction, adversarialPrediction }) => adversarialPrediction ?? prediction),
    distance: samples.map(({ distance }) => distance ?? null),
  };
}

function evidenceOf({ attack, norm, epsilons, zeroGradients }: AttackResult): NonNullable<Measurement["evidence"]> {
  const { name, access, aim, parameters } = attack;
  return { attack: { name, access, aim, parameters }, norm, epsilons, zeroGradients };
}

function countsOf(samples: readonly SampleResult[]): Pick<AttackReport, "broken" | "robust" | "wrong" | "failed"> {
  const count = { broken: 0, robust: 0, wrong: 0, failed: 0 };
  for (const { status } of samples) count[status]++;
  return count;
}

function brokenDistances(samples: readonly SampleResult[]): readonly number[] {
  return samples
    .filter(({ status }) => status === "broken")
    .map(({ distance }) => distance!)
    .sort((a, b) => a - b);
}
