import { type GradientClassifier, threats } from "@casemate/attacks";
import { fitReverseWeibull } from "@casemate/statistics";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { LabelledSamples } from "../training/validate.ts";

export interface CleverOptions {
  readonly norm?: "linf" | "l2" | "l1";
  /** Of the ball that gradients are looked at in, in units of the input; scores are at most this. */
  readonly radius?: number;
  /** How many maxima the distribution is fitted to; three at least. */
  readonly batches?: number;
  /** Of how many points each is the maximum. */
  readonly batchSize?: number;
  /** How many classes are looked at, from the second largest logit down; all if absent. */
  readonly targets?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Of one sample. */
export interface CleverScore {
  /** Estimated distance to the nearest point of another class, the least over targets; 0 for a sample that the model gets wrong. */
  readonly score: number;
  /** By target, from the second largest logit down. */
  readonly targets: readonly { readonly target: number; readonly score: number; readonly lipschitz: number }[];
}

/**
 * CLEVER (Weng et al., 2018, https://arxiv.org/abs/1801.10578): the margin over a local Lipschitz constant, which is the end of the
 * reverse Weibull distribution that the largest gradients of batches of random points follow. 500 batches of 1024 are the
 * paper's. Points are clipped to the bounds. An estimate, and no certificate.
 */
export async function clever(
  model: GradientClassifier,
  { x, labels }: LabelledSamples,
  { norm = "l2", radius = 5, batches = 500, batchSize = 1024, targets, seed = 0, signal }: CleverOptions = {},
): Promise<readonly CleverScore[]> {
  refuse("radius", radius, radius > 0 && Number.isFinite(radius), "a finite number above 0");
  refuse("batches", batches, Number.isSafeInteger(batches) && batches >= 3, "a whole number from 3");
  refuse("batchSize", batchSize, Number.isSafeInteger(batchSize) && batchSize >= 1, "a whole number from 1");
  refuse("targets", targets, targets === undefined || (Number.isSafeInteger(targets) && targets >= 1), "one at least");
  const { data: logits } = await model.logits(x);
  const { classes } = model;
  const threat = threats[norm](radius);
  const scores: CleverScore[] = [];
  for (let row = 0; row < labels.length; row++) {
    const z = logits.subarray(row * classes, (row + 1) * classes);
    const ranked = [...z.keys()].sort((a, b) => z[b]! - z[a]!);
    const label = labels[row]!;
    if (ranked[0] !== label) {
      scores.push({ score: 0, targets: [] });
      continue;
    }
    const others = ranked.slice(1, targets === undefined ? classes : targets + 1);
    const maxima = await largestGradients(row, label, others);
    const found = others.map((target, place) => {
      const lipschitz = endOf(maxima[place]!);
      const score = Math.min(radius, (z[label]! - z[target]!) / lipschitz);
      return { target, lipschitz, score: Number.isNaN(score) ? 0 : score };
    });
    scores.push({ score: Math.min(...found.map((each) => each.score)), targets: found });
  }
  return scores;

  /** The maxima of each target, over the same points. */
  async function largestGradients(row: number, label: number, others: readonly number[]): Promise<Float64Array[]> {
    const maxima = others.map(() => new Float64Array(batches));
    const origin = repeated(takeRows(x, [row]), batchSize);
    const width = origin.data.length / batchSize;
    const own = new Int32Array(batchSize).fill(label);
    const points = tensor(origin.shape);
    for (let batch = 0; batch < batches; batch++) {
      signal?.throwIfAborted();
      const draw = (point: number) => ({ seed, stream: STREAM, sample: row, step: batch * batchSize + point });
      threat.randomStart(points.data, origin.data, width, model.bounds, { draw });
      for (const [place, target] of others.entries()) {
        const feeds = { targets: new Int32Array(batchSize).fill(target), gradientOnly: true };
        const { gradient } = await model.lossGradient(points, own, "difference", feeds);
        maxima[place]![batch] = largestNorm(gradient.data, width, norm);
      }
    }
    return maxima;
  }
}

const STREAM = 0x0c1e7e50; // keeps these draws apart from others

/** The end of the distribution of maxima; where they hardly differ, as of a linear model, the largest. */
function endOf(maxima: Float64Array): number {
  const largest = maxima.reduce((most, each) => Math.max(most, each), -Infinity);
  const smallest = maxima.reduce((least, each) => Math.min(least, each), Infinity);
  return largest - smallest <= FLAT * largest ? largest : fitReverseWeibull(maxima).location;
}

const FLAT = 1e-5; // above what float32 makes of equal gradients

/** The largest dual norm of the rows. */
function largestNorm(gradient: Float32Array, width: number, norm: "linf" | "l2" | "l1"): number {
  let largest = 0;
  for (let start = 0; start < gradient.length; start += width) {
    let [sum, square, most] = [0, 0, 0];
    for (let i = start; i < start + width; i++) {
      const size = Math.abs(gradient[i]!);
      sum += size;
      square += size * size;
      if (size > most) most = size;
    }
    largest = Math.max(largest, { linf: sum, l2: Math.sqrt(square), l1: most }[norm]);
  }
  return largest;
}

function repeated(x: Tensor, times: number): Tensor {
  return takeRows(x, new Array<number>(times).fill(0));
}

function refuse(name: string, value: unknown, isRight: boolean, expected: string): void {
  if (!isRight) throw new DefenseError("INVALID_OPTION", `clever, ${name}: expected ${expected}, got ${value}`);
}
