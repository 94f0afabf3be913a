import type { Classifier } from "@casemate/attacks";
import { clopperPearsonLower, normalQuantile } from "@casemate/statistics";
import type { Tensor } from "@casemate/tensor";
import {
  countVotes,
  type NoiseOptions,
  requireNoise,
  requireShare,
  requireWhole,
  type Tally,
  tallyOf,
  voteOf,
} from "./votes.ts";

export interface CertifyOptions extends NoiseOptions {
  /** Draws that choose the class. */
  readonly n0?: number;
  /** Draws that bound how likely that class is; others than those that chose it. */
  readonly n?: number;
  /** Probability, for each sample, that its certificate is wrong. */
  readonly alpha?: number;
  /** Stop drawing for a sample that is bound to abstain whatever its other draws say: the same results, sooner. */
  readonly earlyAbstention?: boolean;
}

/** What is certain, but for alpha, of the smoothed classifier at one sample. */
export interface Certificate {
  /** Row of the samples. */
  readonly sample: number;
  /** The class of all inputs within the radius; absent where the smoothed classifier abstains. */
  readonly prediction?: number;
  /** In L2, in the units of the samples; 0 where it abstains. */
  readonly radius: number;
  /** Lower bound of the probability of the class under noise; absent where it abstains. */
  readonly lower?: number;
}

export type CertifyEvent =
  /** Forward passes of single rows, done and expected; abstentions make the latter smaller. */
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "certified"; readonly certificate: Certificate };

/**
 * Randomized smoothing (Cohen et al., 2019, https://arxiv.org/abs/1902.02918, algorithm CERTIFY and its published defaults): the class
 * that a model gives most often under Gaussian noise, and an L2 radius within which it stays so, from the one-sided exact
 * bound of Clopper and Pearson. x is [samples, ...]. Throws a DefenseError for options or samples that make no sense.
 */
export async function* certify(
  model: Classifier,
  x: Tensor,
  options: CertifyOptions,
): AsyncGenerator<CertifyEvent, readonly Certificate[]> {
  const { sigma, n0 = 100, n = 100_000, alpha = 0.001, earlyAbstention = true } = options;
  requireNoise("certify", model, x, options);
  requireWhole("certify", "n0", n0);
  requireWhole("certify", "n", n);
  requireShare("certify", "alpha", alpha);
  const samples = x.shape[0]!;
  const choices = Array.from({ length: samples }, (_, row) => tallyOf(row, n0, model.classes));
  const progress = (tallies: readonly Tally[]): CertifyEvent => {
    const estimated = tallies.reduce((sum, { counted }) => sum + counted, 0);
    const chosen = choices.reduce((sum, { counted }) => sum + counted, 0);
    const saved = tallies.reduce((sum, tally) => sum + (tally.isSettled?.() ? n - tally.counted : 0), 0);
    return { type: "progress", done: chosen + estimated, total: samples * (n0 + n) - saved };
  };
  for await (const _ of countVotes(model, x, choices, CHOOSING, options)) yield progress([]);

  const needed = votesNeeded(n, alpha);
  const chosen = choices.map(({ counts }) => voteOf(counts, 0, model.classes));
  const tallies = chosen.map((top, row): Tally => {
    const tally = tallyOf(row, n, model.classes);
    if (!earlyAbstention) return tally;
    tally.isSettled = () => tally.counted - tally.counts[top]! > n - needed;
    return tally;
  });
  const certificates: Certificate[] = [];
  const certificateOf = (row: number): Certificate => {
    const votes = tallies[row]!.counts[chosen[row]!]!;
    if (votes < needed) return { sample: row, radius: 0 };
    const lower = clopperPearsonLower(votes, n, alpha);
    return { sample: row, prediction: chosen[row]!, radius: sigma * normalQuantile(lower), lower };
  };
  const upTo = function* (complete: number): Generator<CertifyEvent> {
    while (certificates.length < complete) {
      const certificate = certificateOf(certificates.length);
      certificates.push(certificate);
      yield { type: "certified", certificate };
    }
  };
  for await (const complete of countVotes(model, x, tallies, ESTIMATING, options)) {
    yield* upTo(complete);
    yield progress(tallies);
  }
  yield* upTo(samples);
  return certificates;
}

// Two streams, since a bound on the class that the same draws chose would not hold.
const CHOOSING = 0x5e1ec700;
const ESTIMATING = 0x5e1ec701;

/** The least number of votes that puts the lower bound at one half; more than n where no number does. */
function votesNeeded(n: number, alpha: number): number {
  let low = Math.ceil(n / 2);
  let high = n + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (clopperPearsonLower(middle, n, alpha) >= 0.5) high = middle;
    else low = middle + 1;
  }
  return low;
}
