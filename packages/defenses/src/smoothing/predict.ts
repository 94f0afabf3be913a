import type { Classifier } from "@casemate/attacks";
import { binomialTest } from "@casemate/statistics";
import type { Tensor } from "@casemate/tensor";
import { countVotes, type NoiseOptions, requireNoise, requireShare, requireWhole, tallyOf } from "./votes.ts";

export interface PredictOptions extends NoiseOptions {
  /** Draws for each sample. */
  readonly n?: number;
  /** Probability, for each sample, that the class is not that of the smoothed classifier. */
  readonly alpha?: number;
}

/** What the smoothed classifier says of one sample. */
export interface SmoothedPrediction {
  /** Row of the samples. */
  readonly sample: number;
  /** Absent where it abstains. */
  readonly prediction?: number;
  /** Votes by class. */
  readonly votes: Float64Array;
  /** Of the exact test that the first two classes are equally likely. */
  readonly pValue: number;
}

export type PredictEvent =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "predicted"; readonly prediction: SmoothedPrediction };

/**
 * The class that a model gives most often under Gaussian noise, or an abstention where the votes of the first two classes
 * do not differ beyond chance (Cohen et al., 2019, https://arxiv.org/abs/1902.02918, algorithm PREDICT). x is [samples, ...]. Throws a DefenseError
 * for options or samples that make no sense.
 */
export async function* predict(
  model: Classifier,
  x: Tensor,
  options: PredictOptions,
): AsyncGenerator<PredictEvent, readonly SmoothedPrediction[]> {
  const { n = 100_000, alpha = 0.001 } = options;
  requireNoise("predict", model, x, options);
  requireWhole("predict", "n", n);
  requireShare("predict", "alpha", alpha);
  const samples = x.shape[0]!;
  const tallies = Array.from({ length: samples }, (_, row) => tallyOf(row, n, model.classes));
  const predictions: SmoothedPrediction[] = [];
  for await (const complete of countVotes(model, x, tallies, PREDICTING, options)) {
    while (predictions.length < complete) {
      const prediction = decided(tallies[predictions.length]!.counts, predictions.length, alpha);
      predictions.push(prediction);
      yield { type: "predicted", prediction };
    }
    yield { type: "progress", done: tallies.reduce((sum, { counted }) => sum + counted, 0), total: samples * n };
  }
  return predictions;
}

const PREDICTING = 0x5e1ec702;

function decided(votes: Float64Array, sample: number, alpha: number): SmoothedPrediction {
  const order = [...votes.keys()].sort((a, b) => votes[b]! - votes[a]! || a - b);
  const [first, second] = [votes[order[0]!]!, votes[order[1]!] ?? 0];
  const pValue = first === 0 ? 1 : binomialTest(first, first + second);
  return { sample, ...(pValue <= alpha && { prediction: order[0]! }), votes, pValue };
}
