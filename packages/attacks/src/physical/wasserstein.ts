import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import { projectSinkhorn } from "./sinkhorn-projection.ts";

export interface WassersteinOptions {
  /** Radius of the ball: the share of an image's mass that moves, times the squared pixels that it moves by. */
  readonly epsilon?: number;
  readonly steps?: number;
  /** Change of each feature in a step, along the sign of its slope, in shares of the range. */
  readonly stepSize?: number;
  /** Weight of nearness against entropy in the projection. */
  readonly regularization?: number;
  /** Side, in pixels, of the square in which mass moves. */
  readonly kernel?: number;
  readonly sinkhornIterations?: number;
}

/**
 * Wasserstein attack (Wong et al., 2019, https://arxiv.org/abs/1902.07906): moves the light of an image a few pixels, so that
 * little of it goes far. Signed steps, as in the authors' experiments (which take 200), then Sinkhorn's projection onto the Wasserstein ball. The threat's epsilon plays
 * no part: the radius is `epsilon` here and does not grow, as the authors' does to find the smallest. Light is what is above the
 * lower bound; what piles up above the upper bound is cut off, as the authors do, and is lost.
 */
export function wasserstein({
  epsilon = 0.1,
  steps = 40,
  stepSize = 0.1,
  regularization = 1000,
  kernel = 5,
  sinkhornIterations = 50,
}: WassersteinOptions = {}): Attack {
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new AttackError("INVALID_OPTION", `Wasserstein: expected an epsilon above 0, got ${epsilon}`);
  }
  if (!(Number.isInteger(kernel) && kernel >= 3 && kernel % 2 === 1)) {
    throw new AttackError("INVALID_OPTION", `Wasserstein: expected an odd kernel of at least 3, got ${kernel}`);
  }
  return {
    name: "Wasserstein",
    access: "gradient",
    aim: "anywhere",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { epsilon, steps, stepSize, regularization, kernel, sinkhornIterations },
    citation: { text: "Wong et al., 2019", url: "https://arxiv.org/abs/1902.07906" },
    async *attempt(search) {
      const { model, width, origin, x } = search;
      const shape = lightOf(model.inputShape, imageShape(model), model.bounds.lower);
      const { lower, upper } = model.bounds;
      for (let step = 1; step <= steps; step++) {
        await search.differentiate("cross-entropy");
        for (let row = 0; row < search.active; row++) {
          const [center, point, slopes] = [origin.row(row), x.row(row), search.gradient.row(row)];
          const mass = center.reduce((sum, value, j) => sum + value - valueAt(lower, j), 0);
          if (mass <= 0) continue; // no light to move
          const light = Float64Array.from(center, (value, j) => (value - valueAt(lower, j)) / mass);
          const wanted = Float64Array.from(point, (value, j) => {
            const span = Number.isFinite(valueAt(upper, j)) ? valueAt(upper, j) - valueAt(lower, j) : 1;
            return (value - valueAt(lower, j) + stepSize * span * Math.sign(slopes[j]!)) / mass;
          });
          const options = { epsilon, regularization, iterations: sinkhornIterations, kernel };
          const { z } = projectSinkhorn(light, wanted, shape, options);
          for (let j = 0; j < width; j++) {
            point[j] = Math.min(valueAt(upper, j), Math.max(valueAt(lower, j), valueAt(lower, j) + mass * z[j]!));
          }
        }
        yield { step, steps };
        if (search.active === 0) return;
      }
      await search.evaluate();
    },
  };
}

function lightOf(
  inputShape: readonly number[],
  shape: ImageShape | undefined,
  lower: number | Float32Array,
): ImageShape {
  if (!shape) {
    throw new AttackError("UNSUPPORTED_MODEL", `Wasserstein: expected images, got inputs of [${inputShape}]`);
  }
  const least =
    typeof lower === "number" ? lower : lower.reduce((smallest, each) => Math.min(smallest, each), Infinity);
  if (!Number.isFinite(least)) {
    throw new AttackError("UNSUPPORTED_MODEL", `Wasserstein: expected a finite lower bound, got ${least}`);
  }
  return shape;
}
