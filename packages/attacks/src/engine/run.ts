import { sizeOf, type Tensor } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Criterion } from "../criterion.ts";
import type { Classifier } from "../models/classifier.ts";
import { type BallNorm, type Threat, type ThreatOptions, threats } from "../threats/threat.ts";
import { attackBlock } from "./block.ts";
import { check } from "./check-run.ts";
import { type Checkpoint, checkpointOf, identityOf, restore } from "./checkpoint.ts";
import { type Budget, Evaluator } from "./evaluator.ts";
import { type AttackResult, radiusOf, summarize } from "./result.ts";

/** A robustness curve: the same threat at several radii. */
export interface ThreatCurve extends ThreatOptions {
  readonly norm: BallNorm;
  readonly epsilons: readonly number[];
}

export interface RunOptions {
  readonly attack: Attack;
  readonly criterion?: Criterion;
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed?: number;
  /** Samples per call of the model; the results do not depend on it. */
  readonly batchSize?: number;
  /** Attack samples that are misclassified already, instead of reporting them as wrong. */
  readonly attackMisclassified?: boolean;
  /** Broken samples leave the batch. */
  readonly activeSet?: boolean;
  readonly budget?: Budget;
  /** Index in the data set of each sample, which its random draws are keyed by; 0, 1, 2 … if absent. */
  readonly indices?: ArrayLike<number>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Goes on where a run of the same samples, threat, attack and seed was ended; what that decided is not attacked again. */
  readonly resume?: Checkpoint;
  /** Called once if the budget, the signal or an error ends the run: with what it takes to go on. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void;
  /** A clock in milliseconds, for the budget. */
  readonly now?: () => number;
}

/** Where a run is. */
export interface Progress {
  readonly type: "progress";
  readonly attack: string;
  /** The attack again or, of an assembly, the member that is at work. */
  readonly stage: string;
  readonly threat: Threat;
  /** The threat's radius; of an epsilon per feature the largest. */
  readonly epsilon: number;
  readonly restart: number;
  readonly step: number;
  readonly steps: number;
  /** Samples still under attack in this block, samples in the blocks before it, and all samples. */
  readonly active: number;
  readonly done: number;
  readonly total: number;
  readonly queries: { readonly forward: number; readonly backward: number };
}

/**
 * Attacks samples and says what became of each. `x` is [samples, ...inputShape] in the units of `model.bounds`; `labels` are
 * the true classes. Given several epsilons, they are tried from the smallest: what breaks there is broken at all larger ones
 * and not attacked again, and what stands is attacked anew at the next, since standing in one ball says nothing about another.
 * Attacks that look for the nearest adversarial run once. Throws an AttackError for what cannot be asked of this model;
 * samples that fail have their reason in their result.
 */
export async function run(
  model: Classifier,
  x: Tensor,
  labels: ArrayLike<number>,
  threat: Threat | ThreatCurve,
  options: RunOptions,
): Promise<AttackResult> {
  const events = stream(model, x, labels, threat, options);
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    options.onProgress?.(value);
  }
}

/** The same as `run`, as a stream of events that returns the result. */
export async function* stream(
  model: Classifier,
  x: Tensor,
  labels: ArrayLike<number>,
  threat: Threat | ThreatCurve,
  options: RunOptions,
): AsyncGenerator<Progress, AttackResult> {
  const { attack, seed = 0, batchSize = 64, budget = {}, signal, now = () => performance.now() } = options;
  const { attackMisclassified = false, activeSet = true } = options;
  const ladder = ladderOf(threat);
  const records = check(model, x, labels, ladder, options);
  const identity = identityOf(attack, ladder, seed);
  if (options.resume) restore(records, options.resume, identity);
  const evaluator = new Evaluator(model, { batchSize, budget, signal, now });
  const block = Math.max(batchSize, Math.floor(BLOCK_BYTES / (4 * sizeOf(model.inputShape))));
  let isComplete = false;
  try {
    let wasInterrupted = false;
    for (let done = 0; done < records.length; done += block) {
      const part = records.slice(done, done + block);
      const events = attackBlock(part, { attack, ladder, evaluator, seed, attackMisclassified, activeSet });
      let next = await events.next();
      for (; !next.done; next = await events.next()) {
        const queries = { forward: evaluator.forward, backward: evaluator.backward };
        const epsilon = radiusOf(next.value.threat);
        yield { type: "progress", attack: attack.name, epsilon, done, total: records.length, queries, ...next.value };
      }
      wasInterrupted ||= next.value !== undefined;
    }
    isComplete = !wasInterrupted;
  } finally {
    if (!isComplete) options.onCheckpoint?.(checkpointOf(records, identity));
  }
  const criterion = options.criterion?.type ?? "misclassification";
  return summarize(records, { attack, ladder, evaluator, criterion, seed, isComplete });
}

/** The threat at each radius, from the smallest. */
function ladderOf(threat: Threat | ThreatCurve): Threat[] {
  if (!("epsilons" in threat)) return [threat];
  const { norm, epsilons, mask, constraints } = threat;
  const rising = [...new Set(epsilons)].sort((a, b) => a - b);
  return rising.map((epsilon) =>
    threats[norm](epsilon, { ...(mask && { mask }), ...(constraints && { constraints }) }),
  );
}

/** What one buffer of samples under attack may take; an attack holds a few of them. */
const BLOCK_BYTES = 8 * 2 ** 20;
