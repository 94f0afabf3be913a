import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import type { BaseLoss } from "../models/losses.ts";
import type { Threat } from "../threats/threat.ts";
import { accumulate } from "./momentum.ts";

export interface PgdOptions {
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  /** Length of a step in the units of the input; takes the place of `stepSize`. */
  readonly absoluteStepSize?: number;
  /** Begin at a random point of the ball; off, it is the basic iterative method (BIM). */
  readonly randomStart?: boolean;
  /** How often what still stands is attacked again, from other random points. */
  readonly restarts?: number;
  /** What remains of the direction from one step to the next: 1 makes it MI-FGSM (https://arxiv.org/abs/1710.06081). */
  readonly momentum?: number;
  /** In L1: the share of features, those with the steepest slopes, that a step is spread over. */
  readonly sparsity?: number;
  /** Whether a sample is broken when any iterate is adversarial, or only if the last one is. */
  readonly keep?: "any" | "last";
  readonly loss?: BaseLoss;
}

/**
 * Projected gradient descent (Madry et al., 2018, https://arxiv.org/abs/1706.06083): climbs the loss and after each step
 * returns to the ball and the bounds. In L1 a step is spread over the steepest features that can still move (Tramèr & Boneh,
 * 2019, https://arxiv.org/abs/1904.13000) and the projection is exact.
 */
export function pgd({
  steps = 40,
  stepSize = 0.1,
  absoluteStepSize,
  randomStart = true,
  restarts = 0,
  momentum = 0,
  sparsity = 0.01,
  keep = "any",
  loss = "cross-entropy",
}: PgdOptions = {}): Attack {
  const length: Attack["parameters"] = absoluteStepSize === undefined ? { stepSize } : { absoluteStepSize };
  return {
    name: momentum > 0 ? "MI-FGSM" : randomStart ? "PGD" : "BIM",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    loss,
    parameters: { steps, ...length, randomStart, restarts, momentum, sparsity, keep, loss },
    citation: { text: "Madry et al., 2018", url: "https://arxiv.org/abs/1706.06083" },
    async *attempt(search) {
      const { threat, model, width } = search;
      const relativeStep = absoluteStepSize === undefined ? stepSize : relative(absoluteStepSize, threat);
      const climbing = { width, bounds: model.bounds, stepSize: relativeStep, sparsity };
      const velocity = momentum > 0 ? search.floats() : undefined;
      if (randomStart) search.randomStart();
      for (let step = 0; step < steps; step++) {
        await search.differentiate(loss, { record: keep === "any" });
        const slope = velocity ?? search.gradient;
        if (velocity) accumulate(velocity.values, momentum, search.gradient.values, width);
        threat.climb(search.x.values, slope.values, search.origin.values, climbing);
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}

/** A step of the units of the input in units of epsilon. */
function relative(length: number, { epsilon }: Threat): number {
  if (typeof epsilon === "number") return epsilon === 0 ? 0 : length / epsilon;
  throw new AttackError(
    "INVALID_OPTION",
    "PGD: expected stepSize where each feature has its own epsilon, got absoluteStepSize",
  );
}
