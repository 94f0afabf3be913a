import { fillNormal } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Goal } from "../criterion.ts";

export interface JitterOptions {
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  /** What the largest logit is scaled to before the softmax. */
  readonly scale?: number;
  /** Standard deviation of the noise on the scaled probabilities. */
  readonly deviation?: number;
  readonly randomStart?: boolean;
  readonly restarts?: number;
}

/**
 * Jitter (Schwinn et al., 2021, https://arxiv.org/abs/2105.10304): climbs the square error of probabilities whose logits are brought
 * to one scale and that are shaken, so that it is neither blinded by large logits nor bound to one other class. The paper also divides
 * by the size of the change once a sample is misclassified; here it has left by then. Two logits that mirror each other have no slope once scaled.
 */
export function jitter({
  steps = 40,
  stepSize = 0.1,
  scale = 10,
  deviation = 0.1,
  randomStart = true,
  restarts = 0,
}: JitterOptions = {}): Attack {
  return {
    name: "Jitter",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    parameters: { steps, stepSize, scale, deviation, randomStart, restarts },
    citation: { text: "Schwinn et al., 2021", url: "https://arxiv.org/abs/2105.10304" },
    async *attempt(search) {
      const { threat, model, width, x, origin } = search;
      const weights = search.floats(model.classes);
      const climbing = { width, bounds: model.bounds, stepSize, sparsity: 0.01 };
      if (randomStart) search.randomStart();
      for (let step = 0; step < steps; step++) {
        await search.evaluate();
        for (let row = 0; row < search.active; row++) {
          const noise = fillNormal(new Float32Array(model.classes), search.draw(row, step, 1));
          for (let k = 0; k < noise.length; k++) noise[k]! *= deviation;
          slopesInto(weights.row(row), search.logits.row(row), noise, scale, search.goal(row));
        }
        await search.differentiate("weighted", { weights, record: false });
        threat.climb(x.values, search.gradient.values, origin.values, climbing);
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}

/** How the square error changes with each logit; towards a target it falls instead. */
function slopesInto(
  slopes: Float32Array,
  z: Float32Array,
  noise: Float32Array,
  scale: number,
  { label, target }: Goal,
): void {
  const classes = z.length;
  let top = 0;
  for (let k = 1; k < classes; k++) if (Math.abs(z[k]!) > Math.abs(z[top]!)) top = k;
  const factor = z[top] === 0 ? 0 : scale / Math.abs(z[top]!);
  const largest = factor * Math.max(...z);
  const p = Float64Array.from(z, (logit) => Math.exp(factor * logit - largest));
  const sum = p.reduce((total, each) => total + each, 0);
  const errors = p.map((power, k) => {
    p[k] = power / sum;
    return (p[k]! + noise[k]! - (k === (target ?? label) ? 1 : 0)) * (target === undefined ? 1 : -1);
  });
  const mean = errors.reduce((total, error, k) => total + error * p[k]!, 0);
  let along = 0; // how the error changes as all logits grow alike, which the scaling undoes
  for (let k = 0; k < classes; k++) {
    const slope = factor * p[k]! * (errors[k]! - mean);
    slopes[k] = slope;
    along += slope * z[k]!;
  }
  if (z[top] !== 0) slopes[top]! -= along / z[top]!;
}
