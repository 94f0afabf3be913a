import { distances, fillSigns, fillUniform, type PerFeature, projectOntoL1BallInBox } from "@casemate/tensor";
import { radiiOf, valueAt } from "./radii.ts";
import type { Threat, ThreatOptions } from "./threat.ts";

/** The changes of all features add up to at most epsilon. */
export function l1(epsilon: PerFeature, { mask, constraints }: ThreatOptions = {}): Threat {
  const radii = radiiOf(epsilon, mask);
  return {
    norm: "l1",
    epsilon,
    ...(mask && { mask }),
    ...(constraints && { constraints }),
    project: (x, origin, width, bounds) => projectOntoL1BallInBox(x, origin, width, radii, bounds),
    steepest(gradient, direction, width) {
      direction.fill(0);
      for (let start = 0; start < direction.length; start += width) {
        let steepest = 0;
        let slope = 0;
        for (let j = 0; j < width; j++) {
          const each = Math.abs(gradient[start + j]!) * valueAt(radii, j);
          if (each > slope) {
            steepest = j;
            slope = each;
          }
        }
        direction[start + steepest] = valueAt(radii, steepest) * Math.sign(gradient[start + steepest]!);
      }
    },
    climb(x, slopes, origin, { width, bounds, stepSize, sparsity }) {
      const { lower, upper } = bounds;
      const gains = new Float64Array(width);
      const scratch = new Float64Array(width);
      const chosen = Math.min(width, Math.max(1, Math.round(sparsity * width)));
      for (let start = 0; start < x.length; start += width) {
        for (let j = 0; j < width; j++) {
          const slope = slopes[start + j]!;
          const isStuck = x[start + j] === Math.fround(valueAt(slope > 0 ? upper : lower, j));
          gains[j] = isStuck ? 0 : Math.abs(slope) * valueAt(radii, j);
        }
        scratch.set(gains);
        const threshold = Math.max(nthLargest(scratch, chosen), Number.MIN_VALUE);
        let count = 0;
        for (let j = 0; j < width; j++) if (gains[j]! >= threshold) count++;
        for (let j = 0; j < width; j++) {
          if (gains[j]! < threshold) continue;
          x[start + j]! += (stepSize * valueAt(radii, j) * Math.sign(slopes[start + j]!)) / count;
        }
      }
      this.project(x, origin, width, bounds);
    },
    randomStart(x, origin, width, bounds, { draw, onSurface = false }) {
      const signs = new Float32Array(width);
      const uniform = new Float32Array(width + 1);
      for (let row = 0, start = 0; start < x.length; row++, start += width) {
        // Exponential spacings are uniform on the simplex; one spacing more than features makes it the whole ball.
        fillUniform(uniform, draw(row));
        fillSigns(signs, { ...draw(row), stream: (draw(row).stream ^ 0x80000000) >>> 0 });
        let sum = onSurface ? 0 : -Math.log(1 - uniform[width]!);
        for (let j = 0; j < width; j++) {
          const spacing = valueAt(radii, j) > 0 ? -Math.log(1 - uniform[j]!) : 0;
          x[start + j] = signs[j]! * spacing;
          sum += spacing;
        }
        for (let j = 0; j < width; j++) {
          x[start + j] = origin[start + j]! + (sum === 0 ? 0 : (valueAt(radii, j) * x[start + j]!) / sum);
        }
      }
      this.project(x, origin, width, bounds);
    },
    distance: (x, origin, width) => distances("l1", x, origin, width),
    radius(x, origin, width) {
      const result = new Float64Array(x.length / width);
      for (let row = 0, i = 0; row < result.length; row++) {
        for (let j = 0; j < width; j++, i++) {
          const change = Math.abs(x[i]! - origin[i]!);
          if (change !== 0) result[row]! += change / valueAt(radii, j);
        }
      }
      return result;
    },
  };
}

/** The n-th largest of `values`, n counted from 1, by Hoare's selection; reorders them. */
export function nthLargest(values: Float64Array, n: number): number {
  const wanted = values.length - n;
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const held = values[i]!;
      values[i++] = values[j]!;
      values[j--] = held;
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted]!;
}
