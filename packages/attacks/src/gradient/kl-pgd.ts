import { clip, fillNormal } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { refuseTargets } from "../minimum-norm/untargeted.ts";
import { valueAt } from "../threats/radii.ts";
import { cleanProbabilities } from "./clean-probabilities.ts";

export interface KlPgdOptions {
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  /** Standard deviation of the noise that it starts with, as a share of each feature's range: at the sample the slope is 0. */
  readonly startNoise?: number;
  readonly restarts?: number;
}

/**
 * Projected gradient descent on the divergence of the prediction from the clean one, as TRADES attacks while it trains (Zhang
 * et al., 2019, https://arxiv.org/abs/1901.08573). It needs no label, only the model's own prediction.
 */
export function klPgd({ steps = 40, stepSize = 0.1, startNoise = 0.001, restarts = 0 }: KlPgdOptions = {}): Attack {
  return {
    name: "KL-PGD",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    parameters: { steps, stepSize, startNoise, restarts },
    citation: { text: "Zhang et al., 2019", url: "https://arxiv.org/abs/1901.08573" },
    async *attempt(search) {
      refuseTargets(search, "KL-PGD");
      const { threat, model, width, x, origin } = search;
      const { lower, upper } = model.bounds;
      const weights = await cleanProbabilities(search);
      for (let row = 0; row < search.active; row++) {
        const point = x.row(row);
        const noise = fillNormal(new Float32Array(width), search.draw(row, 0));
        for (let j = 0; j < width; j++) {
          const range = valueAt(upper, j) - valueAt(lower, j);
          point[j]! += startNoise * (Number.isFinite(range) ? range : 1) * noise[j]!;
        }
        search.pin(row, point);
      }
      clip(x.values, lower, upper);
      threat.project(x.values, origin.values, width, model.bounds);
      for (let step = 0; step < steps; step++) {
        await search.differentiate("divergence", { weights });
        const climbing = { width, bounds: model.bounds, stepSize, sparsity: 0.01 };
        threat.climb(x.values, search.gradient.values, origin.values, climbing);
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}
