import { fillIntegers, fillSigns, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { isBroken } from "../criterion.ts";
import { type Budget, BudgetExhausted, Evaluator } from "../engine/evaluator.ts";
import { run } from "../engine/run.ts";
import { AttackError } from "../errors.ts";
import { deepFool } from "../minimum-norm/deep-fool.ts";
import type { GradientClassifier } from "../models/classifier.ts";
import { lossFor } from "../models/losses.ts";
import { l2 } from "../threats/l2.ts";
import { valueAt } from "../threats/radii.ts";
import type { BallNorm, Threat } from "../threats/threat.ts";
import { splitSamples } from "./held-out.ts";
import { predictClasses } from "./predict-classes.ts";

export interface UniversalOptions {
  /**
   * "gradient" climbs the mean loss of batches (Shafahi et al., 2020); "deep-fool" adds, sample after sample, the smallest step
   * that still fools it (the first paper's), which is slower and has no targeted form.
   */
  readonly method?: "gradient" | "deep-fool";
  /** The class that everything is to be taken for (Hirano & Takemoto, 2020); any other class if absent. */
  readonly target?: number;
  /** Passes over the samples. */
  readonly epochs?: number;
  /** Of "gradient": share of the radius. */
  readonly stepSize?: number;
  /** Of "gradient": samples whose cross-entropy is above it count no more, so that none outweighs the others. */
  readonly lossLimit?: number;
  /** Of "gradient": samples in a step. */
  readonly samplesPerStep?: number;
  /** Of "deep-fool": ends once this share of the samples that it is made from is fooled. */
  readonly enough?: number;
  /** Share of the samples that the perturbation is measured on and not made from. */
  readonly heldOut?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  /** Of the training; the measurement is always done. */
  readonly budget?: Budget;
  readonly signal?: AbortSignal;
  /** A clock in milliseconds, for the budget. */
  readonly now?: () => number;
}

export interface UniversalProgress {
  readonly type: "progress";
  readonly epoch: number;
  readonly epochs: number;
  /** Of the samples that it is made from, how many it fooled when they were last looked at. */
  readonly fooled: number;
  readonly samples: number;
  readonly queries: { readonly forward: number; readonly backward: number };
}

export interface UniversalResult {
  /** [...inputShape], in the ball. Added to a sample it may leave the bounds, to which the sum is then clipped. */
  readonly perturbation: Tensor;
  readonly norm: BallNorm;
  readonly target?: number;
  /** Indices of the samples that it was made from and measured on. */
  readonly trained: readonly number[];
  readonly heldOut: readonly number[];
  /**
   * Held-out samples by what became of them: misclassified already (or of the target's class), misclassified by the
   * perturbation (or as the target), still right (or not as the target), not answered by the model.
   */
  readonly wrong: number;
  readonly broken: number;
  readonly robust: number;
  readonly failed: number;
  /** The papers' fooling rate: of the held-out samples with two answers, how many change their class, or become the target. */
  readonly fooling: { readonly fooled: number; readonly of: number; readonly byRandomSigns: number };
  readonly queries: { readonly forward: number; readonly backward: number };
  readonly epochs: number;
  /** False if the budget ended the training. */
  readonly isComplete: boolean;
  readonly seed: number;
}

/**
 * Universal adversarial perturbation (Moosavi-Dezfooli et al., 2017, https://arxiv.org/abs/1610.08401): one perturbation in
 * the ball that fools the model on most samples, those included that it was not made from. By default made by climbing the
 * clipped mean loss (Shafahi et al., 2020, https://arxiv.org/abs/1811.11304); targeted as Hirano & Takemoto, 2020
 * (https://arxiv.org/abs/1911.06502). `x` is [samples, ...inputShape].
 */
export async function* universalPerturbation(
  model: GradientClassifier,
  x: Tensor,
  labels: ArrayLike<number>,
  threat: Threat,
  options: UniversalOptions = {},
): AsyncGenerator<UniversalProgress, UniversalResult> {
  const { method = "gradient", target, epochs = 10, seed = 0, batchSize = 64, heldOut: share = 0.25 } = options;
  const { budget = {}, signal, now = () => performance.now(), enough = 0.8 } = options;
  check(model, threat, options);
  const { trained, heldOut } = splitSamples("universalPerturbation", model, x, labels, { share, seed });
  const evaluator = new Evaluator(model, { batchSize, budget, signal, now });
  const perturbation = new Float32Array(sizeOf(model.inputShape));
  const making: Making = { model, x, labels, threat, perturbation, evaluator, trained, options };
  const epochOf = method === "gradient" ? climb : deepFoolEach;
  let isComplete = true;
  let done = 0;
  for (; done < epochs; done++) {
    let fooled = 0;
    try {
      fooled = await epochOf(making, done);
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      isComplete = false;
      break;
    }
    const queries = { forward: evaluator.forward, backward: evaluator.backward };
    yield { type: "progress", epoch: done + 1, epochs, fooled, samples: trained.length, queries };
    if (method === "deep-fool" && fooled >= enough * trained.length) {
      done++;
      break;
    }
  }
  return {
    perturbation: tensor(model.inputShape, perturbation),
    norm: threat.norm,
    ...(target !== undefined && { target }),
    trained,
    heldOut,
    ...(await measure(making, heldOut)),
    queries: { forward: evaluator.forward, backward: evaluator.backward },
    epochs: done,
    isComplete,
    seed,
  };
}

interface Making {
  readonly model: GradientClassifier;
  readonly x: Tensor;
  readonly labels: ArrayLike<number>;
  readonly threat: Threat;
  /** What is being made; written in place. */
  readonly perturbation: Float32Array;
  readonly evaluator: Evaluator;
  readonly trained: readonly number[];
  readonly options: UniversalOptions;
}

/** One pass over the samples in batches; returns how many the perturbation fooled on the way. */
async function climb(making: Making, epoch: number): Promise<number> {
  const { model, x, labels, threat, perturbation, evaluator, trained, options } = making;
  const { target, stepSize = 0.1, lossLimit = 9, samplesPerStep = 64, seed = 0 } = options;
  const width = perturbation.length;
  const order = shuffled(trained, seed, epoch);
  const origin = new Float32Array(width);
  const direction = new Float32Array(width);
  let fooled = 0;
  for (let start = 0; start < order.length; start += samplesPerStep) {
    const samples = order.slice(start, start + samplesPerStep);
    const points = new Float32Array(samples.length * width);
    for (const [i, sample] of samples.entries()) {
      perturbed(x, sample, perturbation, making, points.subarray(i * width, (i + 1) * width));
    }
    const answers = {
      logits: new Float32Array(samples.length * model.classes),
      loss: new Float64Array(samples.length),
      gradient: new Float32Array(points.length),
    };
    const classes = Int32Array.from(samples, (sample) => labels[sample]!);
    const feeds = target === undefined ? {} : { targets: new Int32Array(samples.length).fill(target) };
    const loss = lossFor("cross-entropy", model.classes, target !== undefined);
    const failures = await evaluator.lossGradient(points, classes, loss, feeds, answers);
    if (failures.size === samples.length) {
      throw new Error(`universalPerturbation: the model answered no sample of a batch: ${failures.get(0)}`);
    }
    const mean = new Float32Array(width);
    for (let i = 0; i < samples.length; i++) {
      if (failures.has(i)) continue;
      const goal = { label: classes[i]!, target };
      if (isBroken(goal, leader(answers.logits, i, model.classes))) fooled++;
      if (target === undefined && answers.loss[i]! > lossLimit) continue;
      for (let j = 0; j < width; j++) mean[j]! += answers.gradient[i * width + j]!;
    }
    threat.steepest(mean, direction, width);
    for (let j = 0; j < width; j++) perturbation[j]! += stepSize * direction[j]!;
    threat.project(perturbation, origin, width, UNBOUNDED);
  }
  return fooled;
}

/** One pass over the samples, one after the other as each starts where the last one ended; returns how many are fooled after it. */
async function deepFoolEach(making: Making, epoch: number): Promise<number> {
  const { model, x, threat, perturbation, evaluator, trained, options } = making;
  const { seed = 0, signal, budget = {} } = options;
  const width = perturbation.length;
  const origin = new Float32Array(width);
  const clean = await predictClasses(evaluator, trained, (sample) => row(x, sample, width));
  for (const sample of shuffled(trained, seed, epoch)) {
    const point = perturbed(x, sample, perturbation, making, new Float32Array(width));
    const before = clean[trained.indexOf(sample)]!;
    const [now] = await predictClasses(evaluator, [sample], () => point);
    if (now !== before || before < 0) continue;
    const left = (budget.queries ?? Infinity) - evaluator.forward;
    const { samples, queries } = await run(model, tensor([1, ...model.inputShape], point), [before], l2(Infinity), {
      attack: deepFool(),
      seed,
      budget: { queries: left },
      ...(signal && { signal }),
    });
    evaluator.forward += queries.forward;
    evaluator.backward += queries.backward;
    const { adversarial } = samples[0]!;
    if (!adversarial) continue;
    for (let j = 0; j < width; j++) perturbation[j]! += adversarial[j]! - point[j]!;
    threat.project(perturbation, origin, width, UNBOUNDED);
  }
  const after = await predictClasses(evaluator, trained, (sample) =>
    perturbed(x, sample, perturbation, making, new Float32Array(width)),
  );
  return after.filter((prediction, i) => prediction >= 0 && prediction !== clean[i]).length;
}

async function measure(
  making: Making,
  samples: readonly number[],
): Promise<Pick<UniversalResult, "wrong" | "broken" | "robust" | "failed" | "fooling">> {
  const { x, labels, threat, perturbation, evaluator, options } = making;
  const { target, seed = 0 } = options;
  const width = perturbation.length;
  const signs = fillSigns(new Float32Array(width), { seed, stream: SIGNS, sample: 0, step: 0 });
  const random = new Float32Array(width);
  threat.steepest(signs, random, width);
  const free = { mayOverdraw: true };
  const under = (what: Float32Array) => (sample: number) => perturbed(x, sample, what, making, new Float32Array(width));
  const clean = await predictClasses(evaluator, samples, (sample) => row(x, sample, width), free);
  const after = await predictClasses(evaluator, samples, under(perturbation), free);
  const noisy = await predictClasses(evaluator, samples, under(random), free);
  const counts = { wrong: 0, broken: 0, robust: 0, failed: 0 };
  const fooling = { fooled: 0, of: 0, byRandomSigns: 0 };
  for (const [i, sample] of samples.entries()) {
    const goal = { label: labels[sample]!, target };
    if (clean[i]! < 0 || after[i]! < 0) counts.failed++;
    else if (clean[i] !== goal.label || goal.label === target) counts.wrong++;
    else if (isBroken(goal, after[i]!)) counts.broken++;
    else counts.robust++;
    if (clean[i]! < 0 || after[i]! < 0 || clean[i] === target) continue;
    const change = { label: clean[i]!, target };
    fooling.of++;
    if (isBroken(change, after[i]!)) fooling.fooled++;
    if (noisy[i]! >= 0 && isBroken(change, noisy[i]!)) fooling.byRandomSigns++;
  }
  return { ...counts, fooling };
}

const UNBOUNDED = { lower: -Infinity, upper: Infinity };

// Streams of random numbers of their own.
const ORDER = 0x4f524452;
const SIGNS = 0x5349474e;

function row({ data }: Tensor, sample: number, width: number): Float32Array {
  return data.subarray(sample * width, (sample + 1) * width);
}

/** A sample with the perturbation added, clipped to the bounds. */
function perturbed(
  x: Tensor,
  sample: number,
  perturbation: Float32Array,
  { model }: Making,
  target: Float32Array,
): Float32Array {
  const { lower, upper } = model.bounds;
  const clean = row(x, sample, perturbation.length);
  for (let j = 0; j < target.length; j++) {
    target[j] = Math.min(valueAt(upper, j), Math.max(valueAt(lower, j), clean[j]! + perturbation[j]!));
  }
  return target;
}

function leader(logits: Float32Array, index: number, classes: number): number {
  let best = index * classes;
  for (let k = best + 1; k < (index + 1) * classes; k++) if (logits[k]! > logits[best]!) best = k;
  return best - index * classes;
}

function shuffled(samples: readonly number[], seed: number, epoch: number): number[] {
  const keys = fillIntegers(new Int32Array(samples.length), { seed, stream: ORDER, sample: 0, step: epoch }, 2 ** 31);
  return samples
    .map((_, i) => i)
    .sort((a, b) => keys[a]! - keys[b]! || a - b)
    .map((i) => samples[i]!);
}

function check(model: GradientClassifier, { norm, constraints }: Threat, options: UniversalOptions): void {
  const { method = "gradient", target, epochs = 1, samplesPerStep = 1, stepSize = 1 } = options;
  const complain = (code: "UNSUPPORTED_THREAT" | "INVALID_OPTION", expected: string, got: unknown): never => {
    throw new AttackError(code, `universalPerturbation: expected ${expected}, got ${got}`);
  };
  if (norm !== "linf" && norm !== "l2") complain("UNSUPPORTED_THREAT", "a norm of linf or l2", norm);
  if (constraints) complain("UNSUPPORTED_THREAT", "a threat without constraints", "one with");
  if (target !== undefined && method === "deep-fool") complain("INVALID_OPTION", `no target with "deep-fool"`, target);
  if (target !== undefined && !(Number.isInteger(target) && target >= 0 && target < model.classes)) {
    complain("INVALID_OPTION", `a target from 0 to ${model.classes - 1}`, target);
  }
  for (const [name, value] of Object.entries({ epochs, samplesPerStep })) {
    if (!(Number.isInteger(value) && value > 0)) complain("INVALID_OPTION", `${name} of at least 1`, value);
  }
  if (!(stepSize > 0)) complain("INVALID_OPTION", "a stepSize above 0", stepSize);
}
