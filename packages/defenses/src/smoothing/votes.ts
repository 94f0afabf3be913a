import type { Classifier } from "@casemate/attacks";
import { type Draw, fillNormalByZiggurat, type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";

/** What every use of noise takes. */
export interface NoiseOptions {
  /** Standard deviation of the noise, in the units of the samples; inputs are not clipped after it (Cohen et al.). */
  readonly sigma: number;
  /** Rows of a pass, filled across samples. */
  readonly batchSize?: number;
  readonly seed?: number;
  /** Positions of the samples in their data set, which their noise is keyed by; 0, 1, 2 … if absent. */
  readonly indices?: readonly number[];
  readonly signal?: AbortSignal;
}

/** The votes for one sample, counted while they come in. */
export interface Tally {
  /** Row of the samples. */
  readonly row: number;
  /** How many draws are wanted. */
  readonly draws: number;
  /** By class. A row of scores that are not all numbers votes for no class, and so against all. */
  readonly counts: Float64Array;
  /** Draws counted so far. */
  counted: number;
  /** Whether the rest of the draws cannot change what is asked. */
  isSettled?(): boolean;
}

export function tallyOf(row: number, draws: number, classes: number): Tally {
  return { row, draws, counts: new Float64Array(classes), counted: 0 };
}

/**
 * Classifies noisy copies of samples and counts them, each batch filled up with the draws of the next samples. Yields after
 * each batch how many tallies, from the first, are complete. Draw number d of a sample has the same noise whatever the batch.
 */
export async function* countVotes(
  model: Classifier,
  x: Tensor,
  tallies: readonly Tally[],
  stream: number,
  { sigma, batchSize = 1000, seed = 0, indices, signal }: NoiseOptions,
): AsyncGenerator<number> {
  const width = x.data.length / x.shape[0]!;
  const batch = tensor([batchSize, ...model.inputShape]);
  const owners = new Int32Array(batchSize);
  let current = 0;
  let draw = 0;
  for (;;) {
    signal?.throwIfAborted();
    let rows = 0;
    while (rows < batchSize && current < tallies.length) {
      const tally = tallies[current]!;
      if (draw === tally.draws || tally.isSettled?.()) {
        current++;
        draw = 0;
        continue;
      }
      const target = batch.data.subarray(rows * width, (rows + 1) * width);
      const key = { seed, stream, sample: indices?.[tally.row] ?? tally.row, step: draw++ };
      addNoise(target, x.data, tally.row * width, sigma, key);
      owners[rows++] = current;
    }
    if (rows === 0) return;
    const part = rows === batchSize ? batch : tensor([rows, ...model.inputShape], batch.data.subarray(0, rows * width));
    const scores = await model.logits(part);
    for (let row = 0; row < rows; row++) {
      const tally = tallies[owners[row]!]!;
      const vote = voteOf(scores.data, row * model.classes, model.classes);
      tally.counted++;
      if (vote >= 0) tally.counts[vote]!++;
    }
    yield current < tallies.length && draw === tallies[current]!.draws ? current + 1 : current;
  }
}

/** target = x + sigma times a standard normal vector of its key. */
export function addNoise(target: Float32Array, x: Float32Array, start: number, sigma: number, key: Draw): void {
  fillNormalByZiggurat(target, key);
  for (let j = 0; j < target.length; j++) target[j] = x[start + j]! + sigma * target[j]!;
}

/** The class of the largest score, the first of several; -1 where a score is not a number. */
export function voteOf(scores: ArrayLike<number>, start: number, classes: number): number {
  let best = 0;
  for (let k = 0; k < classes; k++) {
    const score = scores[start + k]!;
    if (Number.isNaN(score)) return -1;
    if (score > scores[start + best]!) best = k;
  }
  return best;
}

/** Throws a DefenseError for noise or samples that make no sense. */
export function requireNoise(
  where: string,
  model: Classifier,
  x: Tensor,
  { sigma, batchSize = 1000, indices }: NoiseOptions,
): void {
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw new DefenseError("INVALID_OPTION", `${where}: expected a sigma above 0, got ${sigma}`);
  }
  requireWhole(where, "batchSize", batchSize);
  if (x.shape.slice(1).join() !== model.inputShape.join()) {
    const [expected, got] = [model.inputShape, x.shape.slice(1)];
    throw new DefenseError("SHAPE_MISMATCH", `${where}: expected samples of shape [${expected}], got [${got}]`);
  }
  if (indices && indices.length !== x.shape[0]) {
    throw new DefenseError("SHAPE_MISMATCH", `${where}: expected ${x.shape[0]} indices, got ${indices.length}`);
  }
}

/** Throws a DefenseError unless an option is a whole number from 1 to 2^32 - 1. */
export function requireWhole(where: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value < 2 ** 32) return;
  throw new DefenseError("INVALID_OPTION", `${where}: expected a whole ${name} from 1, got ${value}`);
}

/** Throws a DefenseError unless an option lies between 0 and 1. */
export function requireShare(where: string, name: string, value: number): void {
  if (value > 0 && value < 1) return;
  throw new DefenseError("INVALID_OPTION", `${where}: expected an ${name} between 0 and 1, got ${value}`);
}
