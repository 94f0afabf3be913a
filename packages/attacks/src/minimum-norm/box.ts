import { fillNormal, type Norm, norms, spread } from "@casemate/tensor";
import type { Search } from "../engine/search.ts";
import type { Bounds } from "../models/classifier.ts";

/**
 * Mean distance between the bounds, taking 1 for a feature without them. Lengths that papers give for inputs in [0, 1] are
 * multiplied by it.
 */
export function meanRange({ lower, upper }: Bounds, width: number): number {
  const low = spread(lower, width);
  const high = spread(upper, width);
  let sum = 0;
  for (let j = 0; j < width; j++) {
    const range = high[j]! - low[j]!;
    sum += Number.isFinite(range) ? range : 1;
  }
  return sum / width;
}

/** The size of the largest change of each sample that bounds and mask allow. */
export function farthest({ model, threat, width, active, origin }: Search): Float64Array {
  const low = spread(model.bounds.lower, width);
  const high = spread(model.bounds.upper, width);
  const changes = new Float32Array(active * width);
  for (let i = 0, j = 0; i < changes.length; i++, j = j + 1 === width ? 0 : j + 1) {
    const from = origin.values[i]!;
    if (!threat.mask || threat.mask[j]) changes[i] = Math.max(from - low[j]!, high[j]! - from);
  }
  return norms(threat.norm, changes, width);
}

/** Where the gradient of a sample is zero everywhere, a random direction takes its place, as DDN's authors do. */
export function wanderWhereFlat(search: Search, step: number): void {
  const { threat, width, gradient } = search;
  const lengths = norms("l2", gradient.values, width);
  for (let row = 0; row < search.active; row++) {
    if (lengths[row] !== 0) continue;
    maskSlopes(fillNormal(gradient.row(row), search.draw(row, step)), threat.mask);
  }
}

/** Sets the slopes of features that the threat's mask does not let change to 0, in rows of its width. */
export function maskSlopes(slopes: Float32Array, mask: Uint8Array | undefined): void {
  if (!mask) return;
  for (let i = 0, j = 0; i < slopes.length; i++, j = j + 1 === mask.length ? 0 : j + 1) if (!mask[j]) slopes[i] = 0;
}

/** The norm that measures how fast a function changes when a norm measures the changes of its input. */
export const dual: Record<"linf" | "l2" | "l1", Norm> = { linf: "l1", l2: "l2", l1: "linf" };

/** From `first` to `last` along half a cosine, as `progress` goes from 0 to 1. */
export function annealed(first: number, last: number, progress: number): number {
  return last + ((first - last) * (1 + Math.cos(Math.PI * progress))) / 2;
}
