import { clip, distances, fillIntegers, fillUniform, type PerFeature } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import { nthLargest } from "./l1.ts";
import { radiiOf, valueAt } from "./radii.ts";
import type { Threat, ThreatOptions } from "./threat.ts";

/**
 * At most epsilon features may change, by any amount that the bounds allow; of a fraction the whole part counts. The nearest
 * point of the ball keeps the largest changes. Throws an AttackError INVALID_OPTION for an epsilon per feature, which has no
 * meaning here.
 */
export function l0(epsilon: PerFeature, { mask, constraints }: ThreatOptions = {}): Threat {
  if (typeof epsilon !== "number") {
    throw new AttackError("INVALID_OPTION", "threat: expected one epsilon in L0, got one per feature");
  }
  radiiOf(epsilon, mask);
  const isFree = (feature: number): boolean => mask === undefined || mask[feature] === 1;
  /** Keeps the changes of a row whose `weights` are among the `epsilon` largest, and undoes the others. */
  const keepLargest = (x: Float32Array, origin: Float32Array, start: number, weights: Float64Array): void => {
    const count = Math.floor(epsilon);
    const threshold = count >= weights.length ? 0 : count < 1 ? Infinity : nthLargest(weights.slice(), count);
    let left = count;
    for (let j = 0; j < weights.length; j++) if (weights[j]! > threshold) left--;
    for (let j = 0; j < weights.length; j++) {
      const stays = weights[j]! > threshold || (weights[j]! === threshold && threshold > 0 && left-- > 0);
      if (!stays) x[start + j] = origin[start + j]!;
    }
  };
  return {
    norm: "l0",
    epsilon,
    ...(mask && { mask }),
    ...(constraints && { constraints }),
    project(x, origin, width, { lower, upper }) {
      clip(x, lower, upper);
      const weights = new Float64Array(width);
      for (let start = 0; start < x.length; start += width) {
        for (let j = 0; j < width; j++) weights[j] = isFree(j) ? Math.abs(x[start + j]! - origin[start + j]!) : 0;
        keepLargest(x, origin, start, weights);
      }
    },
    // Without a limit to a change there is no steepest one; each of the steepest features moves by one unit.
    steepest(gradient, direction, width) {
      const zero = new Float32Array(direction.length);
      const weights = new Float64Array(width);
      for (let i = 0; i < direction.length; i++) direction[i] = Math.sign(gradient[i]!);
      for (let start = 0; start < direction.length; start += width) {
        for (let j = 0; j < width; j++) weights[j] = isFree(j) ? Math.abs(gradient[start + j]!) : 0;
        keepLargest(direction, zero, start, weights);
      }
    },
    climb(x, slopes, origin, { width, bounds, stepSize }) {
      const direction = new Float32Array(x.length);
      this.steepest(slopes, direction, width);
      for (let i = 0, j = 0; i < x.length; i++, j = j + 1 === width ? 0 : j + 1) {
        if (direction[i] === 0) continue;
        x[i]! += stepSize * (valueAt(bounds.upper, j) - valueAt(bounds.lower, j)) * direction[i]!;
      }
      this.project(x, origin, width, bounds);
    },
    randomStart(x, origin, width, bounds, { draw }) {
      const places = new Int32Array(width);
      const values = new Float32Array(width);
      for (let row = 0, start = 0; start < x.length; row++, start += width) {
        x.set(origin.subarray(start, start + width), start);
        fillIntegers(places, { ...draw(row), stream: (draw(row).stream ^ 0x80000000) >>> 0 }, width);
        fillUniform(values, draw(row));
        for (let k = 0, most = Math.min(width, Math.floor(epsilon)); k < most; k++) {
          const j = places[k]!;
          const lower = valueAt(bounds.lower, j);
          if (isFree(j)) x[start + j] = lower + (valueAt(bounds.upper, j) - lower) * values[k]!;
        }
      }
      this.project(x, origin, width, bounds);
    },
    distance: (x, origin, width) => distances("l0", x, origin, width),
    radius(x, origin, width) {
      const result = distances("l0", x, origin, width);
      for (let row = 0; row < result.length; row++) {
        if (result[row]! > 0) result[row]! /= Math.floor(epsilon);
        for (let j = 0; mask && j < width; j++) {
          if (!mask[j] && x[row * width + j] !== origin[row * width + j]) result[row] = Infinity;
        }
      }
      return result;
    },
  };
}
