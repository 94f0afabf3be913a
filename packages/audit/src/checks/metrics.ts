import { clever, empiricalRobustness, lossSensitivity } from "@casemate/defenses";
import type { Metric } from "../report.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";

export interface MetricsOptions {
  readonly norm: "linf" | "l2" | "l1";
  /** The radius that the verdict is about; gradients for CLEVER are looked at up to twice as far. */
  readonly epsilon: number;
  readonly samples: number;
  readonly seed: number;
}

/** Numbers for comparing models, which prove nothing: CLEVER, empirical robustness and loss sensitivity. */
export function metricsCheck(options: MetricsOptions): Check {
  const { norm, epsilon, samples } = options;
  return {
    id: "metrics",
    title: "Estimates of robustness: CLEVER, empirical robustness, loss sensitivity",
    kind: "accuracy",
    citation: { text: "Weng et al., 2018 (CLEVER)", url: "https://arxiv.org/abs/1801.10578" },
    taxonomy: evasion.gradient,
    parameters: { norm, samples, radius: 2 * epsilon, batches: BATCHES, batchSize: BATCH_SIZE, targets: TARGETS },
    cost: samples * COST,
    run: (context) => run(context, options),
  };
}

const BATCHES = 30;
const BATCH_SIZE = 64;
const TARGETS = 3;
const COST = 3 * TARGETS * BATCHES * BATCH_SIZE; // a gradient costs about three forward passes

async function* run(
  { subject, signal }: CheckContext,
  { norm, epsilon, samples: count, seed }: MetricsOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const rows = chooseSamples(subject.samples.length, count, seed).map((row) => subject.samples[row]!);
  const model = await subject.gradientClassifier();
  const samples = { x: subject.inputs(rows), labels: Int32Array.from(rows, (row) => subject.labels[row]!) };
  const sensitivity = await lossSensitivity(model, samples);
  const { mean, broken, unbroken } = await empiricalRobustness(model, samples, { seed });
  yield { fraction: 0.1, queries: 2 * rows.length };
  const scores: number[] = [];
  for (const [place, row] of rows.entries()) {
    const one = { x: subject.inputs([row]), labels: samples.labels.subarray(place, place + 1) };
    const [found] = await clever(model, one, {
      norm,
      radius: 2 * epsilon,
      batches: BATCHES,
      batchSize: BATCH_SIZE,
      targets: TARGETS,
      seed,
      ...(signal && { signal }),
    });
    scores.push(found!.score);
    yield { fraction: 0.1 + (0.9 * (place + 1)) / rows.length, queries: (place + 1) * TARGETS * BATCHES * BATCH_SIZE };
  }
  const gradients = rows.length * (1 + TARGETS * BATCHES * BATCH_SIZE);
  const metrics: Metric[] = [
    { name: "clever", value: scores.reduce((sum, score) => sum + score, 0) / rows.length, unit: "distance" },
    ...(mean === undefined ? [] : [{ name: "empirical-robustness", value: mean, unit: "ratio" } as const]),
    { name: "loss-sensitivity", value: sensitivity, unit: "nats" },
  ];
  return {
    queries: { forward: gradients, backward: gradients },
    metrics,
    notes: [
      `Means over ${rows.length} samples; CLEVER counts misclassified ones as 0 and ends at ${2 * epsilon}. DeepFool broke ${broken} and left ${unbroken}. Estimates, which masked gradients make larger: no certificate.`,
    ],
  };
}
