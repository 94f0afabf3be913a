import {
  clip,
  distances,
  fillNormal,
  fillWords,
  type PerFeature,
  projectOntoL2Ball,
  wordToUniform,
} from "@casemate/tensor";
import { radiiOf, valueAt } from "./radii.ts";
import type { Threat, ThreatOptions } from "./threat.ts";

/** The change of all features together has at most the Euclidean length epsilon. */
export function l2(epsilon: PerFeature, { mask, constraints }: ThreatOptions = {}): Threat {
  const radii = radiiOf(epsilon, mask);
  return {
    norm: "l2",
    epsilon,
    ...(mask && { mask }),
    ...(constraints && { constraints }),
    project(x, origin, width, { lower, upper }) {
      projectOntoL2Ball(x, origin, width, radii);
      clip(x, lower, upper); // towards the origin, which is inside the bounds, so the ball is not left again
    },
    steepest(gradient, direction, width) {
      for (let start = 0; start < direction.length; start += width) {
        let sum = 0;
        for (let j = 0; j < width; j++) {
          const slope = gradient[start + j]! * valueAt(radii, j);
          sum += slope * slope;
        }
        const scale = sum === 0 ? 0 : 1 / Math.sqrt(sum);
        for (let j = 0; j < width; j++) {
          const reach = valueAt(radii, j);
          direction[start + j] = scale * gradient[start + j]! * reach * reach;
        }
      }
    },
    climb(x, slopes, origin, { width, bounds, stepSize }) {
      for (let start = 0; start < x.length; start += width) {
        const end = start + width;
        let sum = 0;
        for (let i = start, j = 0; i < end; i++, j++) {
          const slope = slopes[i]! * (typeof radii === "number" ? radii : radii[j]!);
          sum += slope * slope;
        }
        const scale = sum === 0 ? 0 : stepSize / Math.sqrt(sum);
        for (let i = start, j = 0; i < end; i++, j++) {
          const reach = typeof radii === "number" ? radii : radii[j]!;
          x[i] = x[i]! + scale * slopes[i]! * reach * reach;
        }
      }
      this.project(x, origin, width, bounds);
    },
    randomStart(x, origin, width, bounds, { draw, onSurface = false }) {
      const free = mask ? mask.reduce((count, each) => count + each, 0) : width;
      for (let row = 0, start = 0; start < x.length; row++, start += width) {
        const key = draw(row);
        const noise = fillNormal(x.subarray(start, start + width), key);
        let sum = 0;
        for (let j = 0; j < width; j++) if (valueAt(radii, j) > 0) sum += noise[j]! * noise[j]!;
        // The volume within radius r grows as r^dimensions. The length comes from words that no noise is made of.
        const [word] = fillWords(new Uint32Array(1), { ...key, stream: (key.stream ^ 0x80000000) >>> 0 });
        const length = onSurface ? 1 : wordToUniform(word!) ** (1 / Math.max(1, free));
        const scale = sum === 0 ? 0 : length / Math.sqrt(sum);
        for (let j = 0; j < width; j++) noise[j] = origin[start + j]! + scale * valueAt(radii, j) * noise[j]!;
      }
      this.project(x, origin, width, bounds);
    },
    distance: (x, origin, width) => distances("l2", x, origin, width),
    radius(x, origin, width) {
      const result = new Float64Array(x.length / width);
      for (let row = 0, i = 0; row < result.length; row++) {
        let sum = 0;
        for (let j = 0; j < width; j++, i++) {
          const change = x[i]! - origin[i]!;
          if (change !== 0) sum += (change / valueAt(radii, j)) ** 2;
        }
        result[row] = Math.sqrt(sum);
      }
      return result;
    },
  };
}
