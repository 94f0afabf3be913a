import { clip, distances, fillUniform, type PerFeature, projectOntoLinfBall, spread } from "@casemate/tensor";
import { radiiOf, radiusAt } from "./radii.ts";
import type { Threat, ThreatOptions } from "./threat.ts";

/** Every feature may change by at most epsilon. */
export function linf(epsilon: PerFeature, { mask }: ThreatOptions = {}): Threat {
  const radii = radiiOf(epsilon, mask);
  return {
    norm: "linf",
    epsilon,
    mask,
    project(x, origin, _width, { lower, upper }) {
      projectOntoLinfBall(x, origin, radii);
      clip(x, lower, upper);
    },
    steepest(gradient, direction, width) {
      if (typeof radii === "number") {
        for (let i = 0; i < direction.length; i++) direction[i] = radii * Math.sign(gradient[i]!);
        return;
      }
      for (let i = 0, j = 0; i < direction.length; i++, j = j + 1 === width ? 0 : j + 1) {
        direction[i] = radii[j]! * Math.sign(gradient[i]!);
      }
    },
    climb(x, slopes, origin, { width, bounds, stepSize }) {
      // Everything in one pass over memory, since a step has to be cheap beside the gradient of a small network.
      const reaches = spread(radii, width);
      const lower = spread(bounds.lower, width);
      const upper = spread(bounds.upper, width);
      for (let start = 0; start < x.length; start += width) {
        for (let i = start, j = 0; j < width; i++, j++) {
          const reach = reaches[j]!;
          const low = Math.max(origin[i]! - reach, lower[j]!);
          const high = Math.min(origin[i]! + reach, upper[j]!);
          const slope = slopes[i]!;
          const moved = slope > 0 ? x[i]! + stepSize * reach : slope < 0 ? x[i]! - stepSize * reach : x[i]!;
          x[i] = moved < low ? low : moved > high ? high : moved;
        }
      }
    },
    randomStart(x, origin, width, bounds, { draw, onSurface = false }) {
      for (let row = 0, start = 0; start < x.length; row++, start += width) {
        const noise = fillUniform(x.subarray(start, start + width), draw(row), -1, 1);
        let largest = onSurface ? 0 : 1;
        if (onSurface) for (let j = 0; j < width; j++) largest = Math.max(largest, Math.abs(noise[j]!));
        for (let j = 0; j < width; j++) noise[j] = origin[start + j]! + (radiusAt(radii, j) * noise[j]!) / largest;
      }
      this.project(x, origin, width, bounds);
    },
    distance: (x, origin, width) => distances("linf", x, origin, width),
    radius(x, origin, width) {
      const result = new Float64Array(x.length / width);
      for (let row = 0, i = 0; row < result.length; row++) {
        let largest = 0;
        for (let j = 0; j < width; j++, i++) {
          const change = Math.abs(x[i]! - origin[i]!);
          if (change !== 0) largest = Math.max(largest, change / radiusAt(radii, j));
        }
        result[row] = largest;
      }
      return result;
    },
  };
}
