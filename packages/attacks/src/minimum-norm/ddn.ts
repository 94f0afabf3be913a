import { clip, norms } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { annealed, farthest, maskSlopes, meanRange, wanderWhereFlat } from "./box.ts";

export interface DdnOptions {
  readonly steps?: number;
  /** Length of the first perturbation, in units of the mean range of the features. */
  readonly initialNorm?: number;
  /** By what share the length shrinks where the sample is adversarial and grows where it is not. */
  readonly gamma?: number;
}

/**
 * Decoupled direction and norm (Rony et al., 2019, https://arxiv.org/abs/1811.09600) with the authors' defaults: a step of
 * annealed length along the gradient gives the perturbation its direction, and whether the last one was adversarial its
 * length. Unlike the authors', it does not round to 256 levels, and it evaluates the point after the last step too.
 */
export function ddn({ steps = 100, initialNorm = 1, gamma = 0.05 }: DdnOptions = {}): Attack {
  return {
    name: "DDN",
    access: "gradient",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { steps, initialNorm, gamma },
    citation: { text: "Rony et al., 2019", url: "https://arxiv.org/abs/1811.09600" },
    async *attempt(search) {
      const { model, threat, width } = search;
      const unit = meanRange(model.bounds, width);
      const length = search.doubles();
      const longest = search.doubles();
      length.values.fill(initialNorm * unit);
      longest.values.set(farthest(search));
      for (let step = 0; step < steps; step++) {
        await search.differentiate("cross-entropy");
        maskSlopes(search.gradient.values, threat.mask);
        wanderWhereFlat(search, step);
        const slopeLengths = norms("l2", search.gradient.values, width);
        const stepLength = unit * annealed(1, LAST_STEP, step / steps);
        for (let row = 0; row < search.active; row++) {
          const factor = search.adversarial.values[row] ? 1 - gamma : 1 + gamma;
          const reach = Math.min(length.values[row]! * factor, longest.values[row]!);
          length.values[row] = reach;
          const origin = search.origin.row(row);
          const x = search.x.row(row);
          const slopes = search.gradient.row(row);
          const scale = stepLength / Math.max(slopeLengths[row]!, Number.MIN_VALUE);
          let sum = 0;
          for (let j = 0; j < width; j++) {
            const change = x[j]! - origin[j]! + scale * slopes[j]!;
            sum += change * change;
          }
          const shrink = sum === 0 ? 0 : reach / Math.sqrt(sum);
          for (let j = 0; j < width; j++) {
            x[j] = origin[j]! + shrink * (x[j]! - origin[j]! + scale * slopes[j]!);
          }
        }
        clip(search.x.values, model.bounds.lower, model.bounds.upper);
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}

const LAST_STEP = 0.01; // the authors' floor of the step, of 1 at first
