import { clip, distances, fillUniform, type PerFeature, projectOntoLinfBall, spread } from "@casemate/tensor";
import type { Bounds } from "../models/classifier.ts";
import { radiiOf, valueAt } from "./radii.ts";
import type { Threat, ThreatOptions } from "./threat.ts";

/** Every feature may change by at most epsilon. */
export function linf(epsilon: PerFeature, { mask, constraints }: ThreatOptions = {}): Threat {
  const radii = radiiOf(epsilon, mask);
  return {
    norm: "linf",
    epsilon,
    ...(mask && { mask }),
    ...(constraints && { constraints }),
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
      signStep(x, slopes, origin, { reaches: spread(radii, width), limits: limitsOf(bounds, width), stepSize });
    },
    randomStart(x, origin, width, bounds, { draw, onSurface = false }) {
      for (let row = 0, start = 0; start < x.length; row++, start += width) {
        const noise = fillUniform(x.subarray(start, start + width), draw(row), -1, 1);
        let largest = onSurface ? 0 : 1;
        if (onSurface) for (let j = 0; j < width; j++) largest = Math.max(largest, Math.abs(noise[j]!));
        for (let j = 0; j < width; j++) noise[j] = origin[start + j]! + (valueAt(radii, j) * noise[j]!) / largest;
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
          if (change !== 0) largest = Math.max(largest, change / valueAt(radii, j));
        }
        result[row] = largest;
      }
      return result;
    },
  };
}

interface SignStep {
  /** Radius of each feature. */
  readonly reaches: Float32Array | Float64Array;
  /** Lower and upper bound of each feature in turn, all finite. */
  readonly limits: Float64Array;
  readonly stepSize: number;
}

/**
 * x ← clip(x + stepSize · reach · sign(slope)) to ball and bounds, which `x` must be inside of, in one pass over memory. The
 * signs of a gradient are as good as random, and a branch on them costs more than all the rest; so signs are made of bits,
 * and what goes too far comes back by min(0, room) = (room - |room|) / 2, which is exact.
 */
function signStep(x: Float32Array, slopes: Float32Array, origin: Float32Array, step: SignStep): void {
  const { reaches, limits, stepSize } = step;
  const width = reaches.length;
  const bits = new Int32Array(slopes.buffer, slopes.byteOffset, slopes.length);
  for (let start = 0; start < x.length; start += width) {
    for (let i = start, j = 0; j < width; i++, j++) {
      const magnitude = bits[i]! << 1;
      const sign = ((bits[i]! >> 31) | 1) & -((magnitude | -magnitude) >>> 31);
      const reach = reaches[j]!;
      let moved = x[i]! + stepSize * reach * sign;
      const roomInBall = sign * (origin[i]! + sign * reach - moved);
      moved += sign * 0.5 * (roomInBall - Math.abs(roomInBall));
      const roomInBounds = sign * (limits[2 * j + ((sign + 1) >> 1)]! - moved);
      x[i] = moved + sign * 0.5 * (roomInBounds - Math.abs(roomInBounds));
    }
  }
}

function limitsOf({ lower, upper }: Bounds, width: number): Float64Array {
  const limits = new Float64Array(2 * width);
  for (let j = 0; j < width; j++) {
    limits[2 * j] = Math.max(valueAt(lower, j), -UNREACHABLE);
    limits[2 * j + 1] = Math.min(valueAt(upper, j), UNREACHABLE);
  }
  return limits;
}

const UNREACHABLE = 1e300; // stands for infinity, whose difference with itself is not a number
