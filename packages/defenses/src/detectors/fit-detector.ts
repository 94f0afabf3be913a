import { exposeLogits, type LogitsOptions, type Model, openSession, prepare, type Session } from "@casemate/onnx";
import { clopperPearson, type Interval } from "@casemate/statistics";
import type { Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { activationsOf, tapsOf } from "./activations.ts";
import { attackedPairs, type PairAttack } from "./attacked-pairs.ts";
import type { Detector, DetectorTraining } from "./detector.ts";
import { modelDigest } from "./detector-file.ts";
import { type FittedDetector, openDetector } from "./open-detector.ts";
import { runInBatches } from "./run-in-batches.ts";
import { observedModel, scoredModel } from "./scored-model.ts";
import { splitCalibration } from "./split-calibration.ts";

export interface FitDetectorOptions {
  /** Clean samples that nothing was fitted on, to set the threshold by: [samples, ...shape of a sample]. */
  readonly calibration: Tensor;
  /** The share of clean samples that may be flagged. */
  readonly falsePositiveRate?: number;
  /** Which output to use and what it holds, where the graph does not tell. */
  readonly output?: LogitsOptions;
  /** What detectors that learn from attacked samples learn from; the others need none. */
  readonly attack?: PairAttack;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Fits a detector on clean training data and sets its threshold. Throws a DefenseError for a model or data it cannot take. */
export async function fitDetector(
  model: Model,
  detector: Detector,
  x: Tensor,
  labels: Int32Array,
  options: FitDetectorOptions,
): Promise<FittedDetector> {
  const { calibration, falsePositiveRate = 0.05, output } = options;
  const exposed = exposeLogits(await prepare(model, []), output);
  const taps = await tapsOf(exposed.model, exposed.output, detector.layers, x);
  const session = await openSession(observedModel(exposed, taps));
  let about: Parameters<typeof scoredModel>[2];
  try {
    about = await detector.fit(await trainingOf(model, detector, session, { x, labels }, options));
  } finally {
    await session.dispose();
  }
  const { model: whole, copies } = scoredModel(exposed, taps, about);
  const uncalibrated = await openDetector({
    name: detector.name,
    model: whole,
    modelDigest: modelDigest(model),
    falsePositiveRate,
    threshold: 0,
    scale: 1,
    copies,
  });
  try {
    const clean = (await uncalibrated.score(calibration)).slice().sort();
    return { ...uncalibrated, threshold: conformalThreshold(clean, falsePositiveRate), scale: spreadOf(clean) };
  } catch (error) {
    await uncalibrated.dispose();
    throw error;
  }
}

async function trainingOf(
  model: Model,
  detector: Detector,
  session: Session,
  samples: { readonly x: Tensor; readonly labels: Int32Array },
  { attack, output, seed = 0, signal }: FitDetectorOptions,
): Promise<DetectorTraining> {
  if (samples.labels.length !== samples.x.shape[0]) throw mismatch(samples.x.shape[0]!, "", samples.labels.length);
  if (detector.pairs && !attack) {
    throw new DefenseError(
      "INVALID_OPTION",
      `fitDetector: expected an attack, which ${detector.name} learns from, got none`,
    );
  }
  const split = detector.pairs === "held-out" ? splitCalibration(samples, { seed: seed + 1 }) : undefined;
  const { x, labels } = split?.fit ?? samples;
  const { logits, ...seen } = await activationsOf(session, x);
  const classes = logits.shape[1]!;
  const wrong = samples.labels.findIndex((label) => !(label >= 0 && label < classes));
  if (wrong >= 0) throw mismatch(samples.labels.length, ` from 0 to ${classes - 1}`, samples.labels[wrong]!, wrong);
  const found =
    detector.pairs && attack
      ? await attackedPairs(model, split?.calibration ?? samples, attack, {
          seed,
          ...(output && { output }),
          ...(signal && { signal }),
        })
      : undefined;
  return {
    ...seen,
    labels,
    classes,
    ...(found && {
      pairs: {
        clean: await activationsOf(session, found.clean),
        attacked: await activationsOf(session, found.attacked),
      },
    }),
    seed,
    ...(signal && { signal }),
    logits: async (other) => (await runInBatches(session, [session.outputs[0]!.name], other))[0]!,
  };
}

function mismatch(rows: number, range: string, got: number, sample?: number): DefenseError {
  const words = sample === undefined ? `${got} labels` : `${got} at sample ${sample}`;
  return new DefenseError("SHAPE_MISMATCH", `fitDetector: expected ${rows} labels${range}, got ${words}`);
}

/** The share of `scores` above the threshold, with the exact interval of the rate behind it. */
export function flaggedShare(
  scores: Float32Array,
  threshold: number,
): { readonly share: number; readonly interval: Interval } {
  const count = scores.reduce((sum, score) => sum + (score > threshold ? 1 : 0), 0);
  return { share: count / scores.length, interval: clopperPearson(count, scores.length) };
}

/** The ⌈(n + 1)(1 − rate)⌉-th smallest of n sorted clean scores. Throws INVALID_OPTION where n is too small for the rate. */
export function conformalThreshold(sorted: Float32Array, rate: number): number {
  const rank = Math.ceil((sorted.length + 1) * (1 - rate) - 1e-9);
  if (rate > 0 && rate < 1 && rank >= 1 && rank <= sorted.length) return sorted[rank - 1]!;
  throw new DefenseError(
    "INVALID_OPTION",
    `threshold: expected a false-positive rate between 0 and 1 and at least 1 / rate - 1 calibration samples, got ${rate} and ${sorted.length}`,
  );
}

function spreadOf(sorted: Float32Array): number {
  const median = sorted[sorted.length >> 1]!;
  return sorted.map((score) => Math.abs(score - median)).sort()[sorted.length >> 1]! || 1;
}
