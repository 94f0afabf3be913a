import { autoAttack, type GradientClassifier, pgd, stream, type Threat } from "@casemate/attacks";
import type { LabelledSamples } from "@casemate/defenses";
import { clopperPearson, type Interval, mcNemar, pairedDifference } from "@casemate/statistics";
import { takeRows } from "@casemate/tensor";

export interface RobustnessOptions {
  readonly attack: "pgd" | "autoattack";
  /** Use only the first so many samples. */
  readonly samples?: number | undefined;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** Which samples a model gets right, and which of them an attack does not change. */
export interface Robustness {
  readonly correct: readonly boolean[];
  readonly robust: readonly boolean[];
  readonly seconds: number;
}

/** Attacks a classifier; yields the share that is done. */
export async function* measureRobustness(
  classifier: GradientClassifier,
  { x, labels }: LabelledSamples,
  threat: Threat,
  { attack, samples = labels.length, seed, signal }: RobustnessOptions,
): AsyncGenerator<number, Robustness> {
  const startedAt = performance.now();
  const count = Math.min(samples, labels.length);
  const rows = Array.from({ length: count }, (_, i) => i);
  const chosen = attack === "pgd" ? pgd({ steps: 40, stepSize: 0.1 }) : autoAttack();
  const events = stream(classifier, takeRows(x, rows), [...labels.subarray(0, count)], threat, {
    attack: chosen,
    seed,
  });
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = await events.next();
    if (done) {
      const statuses = value.samples.map(({ status }) => status);
      return {
        correct: statuses.map((status) => status !== "wrong"),
        robust: statuses.map((status) => status === "robust"),
        seconds: (performance.now() - startedAt) / 1000,
      };
    }
    yield value.done / value.total;
  }
}

/** One accuracy before and after, on the same samples. */
export interface PairedAccuracy {
  readonly before: Accuracy;
  readonly after: Accuracy;
  /** Share of samples that are right only after, less that of those right only before, with its interval (Tango, 95 %). */
  readonly difference: number;
  readonly interval: Interval;
  /** McNemar's exact test, two-sided. */
  readonly pValue: number;
}

export interface Accuracy {
  readonly count: number;
  readonly of: number;
  /** Clopper-Pearson, 95 %. */
  readonly interval: Interval;
}

export function pairedAccuracy(before: readonly boolean[], after: readonly boolean[]): PairedAccuracy {
  const onlyA = before.filter((was, i) => was && !after[i]).length;
  const onlyB = before.filter((was, i) => !was && after[i]).length;
  const counts = { onlyA, onlyB, trials: before.length };
  return {
    before: accuracy(before),
    after: accuracy(after),
    difference: (onlyB - onlyA) / before.length,
    interval: pairedDifference(counts, CONFIDENCE),
    pValue: mcNemar(counts),
  };
}

const CONFIDENCE = 0.95;

function accuracy(right: readonly boolean[]): Accuracy {
  const count = right.filter(Boolean).length;
  return { count, of: right.length, interval: clopperPearson(count, right.length, CONFIDENCE) };
}
