import { fillNormal, type Tensor, tensor } from "@casemate/tensor";
import type { Classifier, GradientClassifier } from "../models/classifier.ts";
import { contentDraw } from "./content-draw.ts";

/** What is done to the probabilities of one sample before an attacker sees them: returns scores, in the order of the classes. */
export interface OutputDefence {
  readonly name: string;
  readonly citation: { readonly text: string; readonly url: string };
  apply(probabilities: Float32Array, x: Float32Array): Float32Array;
}

/**
 * A model whose answers are hardened. Attacks with scores see the logarithms of what the defence gives out; gradients are
 * those of the model itself, as if the defence did nothing.
 */
export function behindOutput<C extends Classifier>(model: C, defence: OutputDefence): C {
  const harden = (raw: Tensor, x: Tensor): Tensor => {
    const hardened = tensor(raw.shape);
    const width = x.data.length / Math.max(1, x.shape[0]!);
    for (let row = 0; row < raw.shape[0]!; row++) {
      const [start, end] = [row * model.classes, (row + 1) * model.classes];
      const probabilities = softmax(raw.data.subarray(start, end));
      const scores = defence.apply(probabilities, x.data.subarray(row * width, (row + 1) * width));
      hardened.data.set(
        scores.map((score) => Math.log(Math.max(score, SMALLEST))),
        start,
      );
    }
    return hardened;
  };
  const logits: Classifier["logits"] = async (x) => harden(await model.logits(x), x);
  if (!("lossGradient" in model)) return { ...model, logits };
  const { lossGradient } = model as unknown as GradientClassifier;
  return {
    ...model,
    logits,
    lossGradient: async (...args: Parameters<GradientClassifier["lossGradient"]>) => {
      const result = await lossGradient(...args);
      return { ...result, logits: harden(result.logits, args[0]) };
    },
  };
}

const SMALLEST = 1e-12; // below what any answer is rounded to

/** Answers rounded to so many decimals. */
export function roundedAnswers({ decimals = 3 }: { readonly decimals?: number } = {}): OutputDefence {
  const scale = 10 ** decimals;
  return {
    name: "Rounded answers",
    citation: { text: "Tramèr et al., 2016", url: "https://arxiv.org/abs/1609.02943" },
    apply: (probabilities) => probabilities.map((p) => Math.round(p * scale) / scale),
  };
}

/** Only answers above a cutoff are given out, the others as 0. */
export function highConfidence({ cutoff = 0.25 }: { readonly cutoff?: number } = {}): OutputDefence {
  return {
    name: "High confidence",
    citation: { text: "Tramèr et al., 2016", url: "https://arxiv.org/abs/1609.02943" },
    apply: (probabilities) => probabilities.map((p) => (p < cutoff ? 0 : p)),
  };
}

/** Gaussian noise on the answers, the same for the same sample. */
export function noisyAnswers({ deviation = 0.1, seed = 0 } = {}): OutputDefence {
  return {
    name: "Noisy answers",
    citation: { text: "Lee et al., 2019", url: "https://doi.org/10.1109/SPW.2019.00020" },
    apply(probabilities, x) {
      const noise = fillNormal(new Float32Array(probabilities.length), contentDraw(seed, x));
      return probabilities.map((p, k) => Math.max(0, p + deviation * noise[k]!));
    },
  };
}

/**
 * Reverse sigmoid (Lee et al., 2019): answers are bent so that a high and a low one look alike, which misleads whoever learns
 * from them, while the largest stays the largest.
 */
export function reverseSigmoid({ beta = 1, gamma = 0.1 } = {}): OutputDefence {
  return {
    name: "Reverse sigmoid",
    citation: { text: "Lee et al., 2019", url: "https://doi.org/10.1109/SPW.2019.00020" },
    apply(probabilities) {
      const bent = probabilities.map((p) => {
        const inside = Math.min(1 - 1e-9, Math.max(1e-9, p));
        const bend = 1 / (1 + Math.exp(gamma * Math.log((1 - inside) / inside))) - 0.5;
        return Math.min(1, Math.max(0, p - beta * bend));
      });
      const sum = bent.reduce((total, p) => total + p, 0);
      return bent.map((p) => p / sum);
    },
  };
}

function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((most, each) => Math.max(most, each), -Infinity);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, each) => total + each, 0);
  return powers.map((power) => power / sum);
}
