import type { Attack } from "../attack.ts";
import type { BaseLoss } from "../models/losses.ts";
import { valueAt } from "../threats/radii.ts";

export interface AdamPgdOptions {
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly randomStart?: boolean;
  readonly restarts?: number;
  readonly loss?: BaseLoss;
}

/**
 * Projected gradient descent whose steps Adam sets (Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980): each gradient is
 * brought to the steepest direction of the norm, averaged, and divided by its running size, feature by feature. Defaults as in
 * Foolbox, where the attack comes from.
 */
export function adamPgd({
  steps = 50,
  stepSize = 0.025,
  beta1 = 0.9,
  beta2 = 0.999,
  randomStart = true,
  restarts = 0,
  loss = "cross-entropy",
}: AdamPgdOptions = {}): Attack {
  return {
    name: "Adam-PGD",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    loss,
    parameters: { steps, stepSize, beta1, beta2, randomStart, restarts, loss },
    citation: { text: "Kingma & Ba, 2015", url: "https://arxiv.org/abs/1412.6980" },
    async *attempt(search) {
      const { threat, model, width, x, origin, gradient } = search;
      const direction = search.floats();
      const mean = search.floats();
      const square = search.floats();
      if (randomStart) search.randomStart();
      for (let step = 1; step <= steps; step++) {
        await search.differentiate(loss);
        threat.steepest(gradient.values, direction.values, width);
        const [points, slopes, means, squares] = [x.values, direction.values, mean.values, square.values];
        const [unbiasedMean, unbiasedSquare] = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
        for (let i = 0, j = 0; i < points.length; i++, j = j + 1 === width ? 0 : j + 1) {
          const reach = valueAt(threat.epsilon, j);
          if (reach === 0) continue;
          const slope = slopes[i]! / reach;
          means[i] = beta1 * means[i]! + (1 - beta1) * slope;
          squares[i] = beta2 * squares[i]! + (1 - beta2) * slope * slope;
          points[i]! +=
            (stepSize * reach * means[i]! * unbiasedMean) / (Math.sqrt(squares[i]! * unbiasedSquare) + TINY);
        }
        threat.project(points, origin.values, width, model.bounds);
        yield { step, steps };
      }
      await search.evaluate();
    },
  };
}

const TINY = 1e-8; // Adam's own, which keeps 0/0 out
