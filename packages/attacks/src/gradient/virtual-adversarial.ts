import { fillNormal } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { refuseTargets } from "../minimum-norm/untargeted.ts";
import { valueAt } from "../threats/radii.ts";
import { cleanProbabilities } from "./clean-probabilities.ts";

export interface VirtualAdversarialOptions {
  /** Rounds of the power iteration. */
  readonly steps?: number;
  /** Length of the probe, as a share of the features' range; too short a one is lost in float32. */
  readonly xi?: number;
  readonly restarts?: number;
}

/**
 * Virtual adversarial direction (Miyato et al., 2016, https://arxiv.org/abs/1507.00677): the direction in which the prediction
 * changes fastest, found by power iteration on the curvature of the divergence, then one step to the edge of the ball; curvature has no
 * sign, so both ends are tried. The authors' probe is 1e-6 long, which float32 inputs swallow; the direction does not depend on it while it is short.
 */
export function virtualAdversarial({ steps = 10, xi = 0.01, restarts = 0 }: VirtualAdversarialOptions = {}): Attack {
  return {
    name: "Virtual adversarial",
    access: "gradient",
    aim: "inside",
    norms: ["l2"],
    restarts,
    parameters: { steps, xi, restarts },
    citation: { text: "Miyato et al., 2016", url: "https://arxiv.org/abs/1507.00677" },
    async *attempt(search) {
      refuseTargets(search, "Virtual adversarial");
      const { threat, model, width, x, origin } = search;
      const weights = await cleanProbabilities(search);
      const direction = search.floats();
      for (let row = 0; row < search.active; row++) fillNormal(direction.row(row), search.draw(row, 0));
      for (let step = 0; step < steps; step++) {
        for (let row = 0; row < search.active; row++) {
          const [along, point, start] = [direction.row(row), x.row(row), origin.row(row)];
          let sum = 0;
          for (let j = 0; j < width; j++) sum += along[j]! * along[j]!;
          const length = sum === 0 ? 0 : 1 / Math.sqrt(sum);
          for (let j = 0; j < width; j++) point[j] = start[j]! + xi * rangeOf(model.bounds, j) * length * along[j]!;
          search.pin(row, point); // the probe may leave the bounds: only the slope is asked for there
        }
        await search.differentiate("divergence", { weights, record: false });
        direction.values.set(search.gradient.values);
        yield { step: step + 1, steps };
      }
      const climbing = { width, bounds: model.bounds, stepSize: 1, sparsity: 1 };
      for (const _ of ["there", "and back"]) {
        x.values.set(origin.values);
        threat.climb(x.values, direction.values, origin.values, climbing);
        await search.evaluate();
        for (let i = 0, { values } = direction; i < values.length; i++) values[i] = -values[i]!;
      }
    },
  };
}

function rangeOf(
  { lower, upper }: { readonly lower: number | Float32Array; readonly upper: number | Float32Array },
  j: number,
) {
  const range = valueAt(upper, j) - valueAt(lower, j);
  return Number.isFinite(range) ? range : 1;
}
