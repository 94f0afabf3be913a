import { openClassifier, pgd, stream, type Threat, threats } from "@casemate/attacks";
import {
  type DetectorName,
  type DetectorRow,
  detectors,
  evadeDetector,
  type FittedDetector,
  fitDetector,
  flaggedShare,
  type LabelledSamples,
  saveDetector,
  splitCalibration,
} from "@casemate/defenses";
import { encodeModel, type Model } from "@casemate/onnx";
import { type AreaUnderCurve, areaUnderCurve, clopperPearson, type Interval } from "@casemate/statistics";
import { sizeOf, takeRows, tensor } from "@casemate/tensor";
import { attackSpaceOf } from "./attack-space.ts";
import { classifierOptionsOf } from "./classifier-options.ts";
import { contractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { constraintsOf } from "./feature-rules.ts";
import { mutableMask } from "./input-bounds.ts";
import { openModel } from "./inspect-model.ts";
import { openSamples, readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";

export interface DetectModelOptions {
  readonly model: string;
  readonly contract?: string;
  /** Clean samples to fit on and, unless there are others for that, to set the threshold by. */
  readonly data: string;
  /** Clean samples that the model was not trained on, to set the threshold by; if absent half of `data`, drawn by the seed. */
  readonly calibration?: string;
  /** Clean samples to measure on; if absent a third of `data`, drawn by the seed, which then nothing else sees. */
  readonly test?: string;
  readonly method: DetectorName;
  /** The share of clean samples that may be flagged. */
  readonly falsePositiveRate?: number;
  readonly norm: "linf" | "l2" | "l1";
  /** Of the ball that is attacked in, in the units of the samples or, for tables, of each feature's range. */
  readonly epsilon: number;
  /** How many of the test samples are attacked, drawn by the seed. */
  readonly samples?: number;
  /** Of each attack from each start. */
  readonly steps?: number;
  readonly restarts?: number;
  /** How many wrong classes the adaptive attack tries. */
  readonly targets?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface DetectEvent {
  readonly stage: "fitting" | "plain attack" | "adaptive attack";
  /** Of the stage, from 0 to 1. */
  readonly fraction: number;
}

/** What a detector flags, and what gets past it. */
export interface DetectionReport {
  readonly model: string;
  readonly method: DetectorName;
  readonly citation: { readonly text: string; readonly url: string };
  readonly norm: DetectModelOptions["norm"];
  readonly epsilon: number;
  readonly seed: number;
  /** Samples that it was fitted on, that set the threshold, and that everything below is measured on. */
  readonly samples: { readonly fit: number; readonly calibration: number; readonly test: number };
  readonly threshold: number;
  /** Of clean test samples: what was asked for, and what was flagged. */
  readonly falsePositives: Share & { readonly stated: number };
  /** How well the score tells clean test samples from what the plain attack made of some; absent where it made nothing. */
  readonly areaUnderCurve?: AreaUnderCurve;
  /** Test samples that were attacked: those drawn that the classifier gets right. */
  readonly attacked: number;
  /** PGD on the classifier alone: what it made wrong, and what of that the detector let pass. */
  readonly plain: { readonly steps: number; readonly wrong: Share; readonly undetected: Share };
  /** Made wrong and let pass by either attack, the second knowing the detector. */
  readonly adaptive: {
    readonly steps: number;
    readonly restarts: number;
    readonly targets: number;
    readonly undetected: Share;
  };
  readonly seconds: number;
  readonly assumptions: readonly string[];
}

interface Share {
  readonly count: number;
  readonly of: number;
  readonly share: number;
  /** Clopper-Pearson, 95 %. */
  readonly interval: Interval;
}

/** A detector with its model in one file, and what is known of it. */
export interface DetectedModel {
  readonly bytes: Uint8Array;
  readonly report: DetectionReport;
}

/**
 * Fits a detector to the model in a file, calibrates it, and attacks both without and with knowledge of the detector. Throws an
 * AuditError for bad input, a DefenseError for a model or data that the detector cannot take.
 */
export async function* detectModel(options: DetectModelOptions): AsyncGenerator<DetectEvent, DetectedModel> {
  const startedAt = performance.now();
  const { method, falsePositiveRate = 0.05, signal } = options;
  yield { stage: "fitting", fraction: 0 };
  const opened = await open(options);
  const { model, fit, calibration, test, threat, bounds, layout, output } = opened;
  signal?.throwIfAborted();
  const row: DetectorRow = detectors[method];
  const detector = row.create({ bounds, ...(layout && { layout }) });
  const fitted = await fitDetector(model, detector, fit.x, fit.labels, {
    calibration: calibration.x,
    falsePositiveRate,
    attack: { threat, bounds },
    seed: options.seed ?? 0,
    ...(output && { output }),
    ...(signal && { signal }),
  });
  try {
    yield { stage: "fitting", fraction: 1 };
    const clean = await fitted.score(test.x);
    const attacks = yield* attacked(fitted, opened, options);
    const { share, interval } = flaggedShare(clean, fitted.threshold);
    const { norm, epsilon, seed = 0 } = options;
    const report: DetectionReport = {
      model: options.model,
      method,
      citation: detector.citation,
      norm,
      epsilon,
      seed,
      samples: { fit: fit.labels.length, calibration: calibration.labels.length, test: test.labels.length },
      threshold: fitted.threshold,
      falsePositives: {
        stated: falsePositiveRate,
        count: Math.round(share * clean.length),
        of: clean.length,
        share,
        interval,
      },
      ...(attacks.scores.length > 0 && { areaUnderCurve: areaUnderCurve(clean, attacks.scores) }),
      attacked: attacks.attacked,
      plain: attacks.plain,
      adaptive: attacks.adaptive,
      seconds: (performance.now() - startedAt) / 1000,
      assumptions: opened.assumptions,
    };
    return { bytes: encodeModel(saveDetector(fitted)), report };
  } finally {
    await fitted.dispose();
  }
}

interface Opened {
  readonly model: Model;
  readonly fit: LabelledSamples;
  readonly calibration: LabelledSamples;
  readonly test: LabelledSamples;
  readonly threat: Threat;
  readonly bounds: ReturnType<typeof classifierOptionsOf>["bounds"];
  readonly layout: ReturnType<typeof classifierOptionsOf>["layout"];
  readonly output: ReturnType<typeof classifierOptionsOf>["output"];
  readonly assumptions: readonly string[];
}

async function open(options: DetectModelOptions) {
  const { model: path, contract: given, data, calibration: other, test, norm, epsilon, seed = 0 } = options;
  const model = await openModel(path);
  const { contract, assumptions } = await contractFor(
    model,
    { model: path, data, ...(given !== undefined && { contract: given }) },
    readSamples,
  );
  const samples = await openSamples(data, contract, readSamples);
  const held = test === undefined ? undefined : await openSamples(test, contract, readSamples);
  const own = held ? undefined : splitCalibration(samples, { share: 1 / 3, seed: seed + 1 });
  const unseen = other === undefined ? undefined : await openSamples(other, contract, readSamples);
  const learned = own?.fit ?? samples;
  const { fit, calibration } = unseen ? { fit: learned, calibration: unseen } : splitCalibration(learned, { seed });
  const inputShape = samples.x.shape.slice(1);
  const { bounds, layout, output } = refusedWhereNormalised(contract, inputShape);
  const input = contract.inputs[0]!;
  const space = attackSpaceOf(input, inputShape);
  const radius = space.toContractRadius(epsilon);
  const mask = mutableMask(input);
  const constraints = constraintsOf(input, undefined);
  const threat = threats[norm](radius, { ...(mask && { mask }), ...(constraints && { constraints }) });
  const said = [
    ...assumptions,
    ...samples.assumptions,
    ...(held?.assumptions ?? []),
    ...(unseen?.assumptions ?? []),
    ...space.assumptions,
  ];
  if (!unseen) {
    said.push(
      `There are no --calibration samples, so half of what is left of ${data} sets the threshold: where the model was trained on it, more clean samples than stated may be flagged.`,
    );
  }
  if (own) said.push(`There are no --test samples, so a third of ${data}, drawn by the seed, is measured on.`);
  return {
    model,
    fit,
    calibration,
    test: held ?? own!.calibration,
    threat,
    bounds,
    layout,
    output,
    assumptions: [...new Set(said)],
  } satisfies Opened;
}

function refusedWhereNormalised(contract: Contract, inputShape: readonly number[]) {
  const options = classifierOptionsOf(contract, inputShape);
  if (!options.normalization) return options;
  const expected = "a model that takes values in the range of its contract";
  throw new AuditError("INVALID_OPTION", `detect: expected ${expected}, got one with a normalisation before it`);
}

async function* attacked(
  fitted: FittedDetector,
  { model, test, threat, bounds, output }: Opened,
  { samples = 100, steps = 100, restarts = 2, targets = 3, seed = 0, threads, signal }: DetectModelOptions,
) {
  const all = test.labels.length;
  const chosen = samples < all ? splitCalibration(test, { share: samples / all, seed: seed + 2 }).calibration : test;
  const { x, labels } = chosen;
  const common = { seed, ...(signal && { signal }) };
  const classifier = await openClassifier(model, {
    bounds,
    inputShape: x.shape.slice(1),
    ...(output && { output }),
    ...(threads !== undefined && { threads }),
  });
  try {
    yield { stage: "plain attack", fraction: 0 } satisfies DetectEvent;
    const events = stream(classifier, x, labels, threat, { attack: pgd({ steps }), ...common });
    let next = await events.next();
    for (; !next.done; next = await events.next()) {
      const { step, done, active, total } = next.value;
      yield { stage: "plain attack", fraction: (done + (active * step) / steps) / total } satisfies DetectEvent;
    }
    signal?.throwIfAborted();
    const results = next.value.samples;
    const failed = results.find(({ status }) => status === "failed");
    if (failed) throw new AuditError("CHECK_FAILED", `plain attack: sample ${failed.sample}: ${failed.message}`);
    const broken = results.flatMap(({ adversarial }, row) => (adversarial ? [{ row, adversarial }] : []));
    const wrong = tensor([broken.length, ...x.shape.slice(1)]);
    const width = sizeOf(x.shape.slice(1));
    for (const [place, { adversarial }] of broken.entries()) wrong.data.set(adversarial, place * width);
    const scores = broken.length > 0 ? await fitted.score(wrong) : new Float32Array();
    const passed = broken.filter((_, place) => scores[place]! <= fitted.threshold).map(({ row }) => row);

    yield { stage: "adaptive attack", fraction: 0 } satisfies DetectEvent;
    const left = Array.from(labels.keys()).filter((row) => !passed.includes(row));
    const evasion = evadeDetector(
      fitted,
      takeRows(x, left),
      left.map((row) => labels[row]!),
      threat,
      { bounds, steps, restarts, targets, ...common },
    );
    let step = left.length > 0 ? await evasion.next() : undefined;
    for (; step && !step.done; step = await evasion.next()) {
      yield { stage: "adaptive attack", fraction: step.value.fraction } satisfies DetectEvent;
    }
    const attackedCount = results.filter(({ status }) => status !== "wrong").length;
    const undetected = passed.length + (step?.done ? step.value.evaded : 0);
    return {
      scores,
      attacked: attackedCount,
      plain: {
        steps,
        wrong: shareOf(broken.length, attackedCount),
        undetected: shareOf(passed.length, attackedCount),
      },
      adaptive: { steps, restarts, targets, undetected: shareOf(undetected, attackedCount) },
    };
  } finally {
    await classifier.dispose();
  }
}

function shareOf(count: number, of: number): Share {
  if (of > 0) return { count, of, share: count / of, interval: clopperPearson(count, of) };
  throw new AuditError("INVALID_DATA", "detect: expected test samples that the model gets right to attack, got none");
}
