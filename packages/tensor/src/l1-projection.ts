import { rowsOf } from "./norms.ts";
import { type PerFeature, spread } from "./projections.ts";

/** The box that a projection has to stay in. */
export interface Box {
  readonly lower: PerFeature;
  readonly upper: PerFeature;
}

/**
 * Moves each row of `x`, in place, to the nearest point (in L2) that is within `radius` of its row of `origin` in L1 and
 * inside the box, which `origin` must be in. Exact, by sorting: the solution shrinks every change by one number and cuts
 * it at the box, and the sum of changes is piecewise linear in that number (Croce & Hein, 2021,
 * https://arxiv.org/abs/2103.01208, section 3). With a radius per feature all is measured in units of it.
 */
export function projectOntoL1BallInBox(
  x: Float32Array,
  origin: Float32Array,
  width: number,
  radius: PerFeature,
  { lower, upper }: Box,
): void {
  const radii = spread(radius, width);
  const low = spread(lower, width);
  const high = spread(upper, width);
  const full = new Float64Array(width); // |change|, where the shrunken change reaches zero
  const cut = new Float64Array(width); // where it stops being cut by the box
  for (let row = 0, rows = rowsOf(x, width); row < rows; row++) {
    const start = row * width;
    let count = 0;
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const i = start + j;
      const change = x[i]! - origin[i]!;
      if (change === 0) continue;
      const reach = radii[j]!;
      const room = Math.max(0, change > 0 ? high[j]! - origin[i]! : origin[i]! - low[j]!);
      if (reach === 0 || room === 0) continue;
      const size = Math.abs(change) / reach;
      full[count] = size;
      cut[count] = Math.max(0, size - room / reach);
      sum += size - cut[count]!;
      count++;
    }
    const shrink = sum <= 1 ? 0 : shrinkage(full.subarray(0, count).sort(), cut.subarray(0, count).sort(), sum);
    for (let j = 0; j < width; j++) {
      const i = start + j;
      const change = x[i]! - origin[i]!;
      if (change === 0) continue;
      const size = Math.max(0, Math.abs(change) - shrink * radii[j]!);
      const moved = radii[j] === 0 ? origin[i]! : origin[i]! + (change > 0 ? size : -size);
      x[i] = moved < low[j]! ? low[j]! : moved > high[j]! ? high[j]! : moved;
    }
  }
}

/**
 * The number by which to shrink so that the sum of changes, `sum` at 0, becomes 1. The sum falls with a slope of one for
 * each change that is neither cut by the box any longer (above its `cut`) nor at zero yet (below its `full`).
 */
function shrinkage(full: Float64Array, cut: Float64Array, sum: number): number {
  let position = 0;
  let zeros = 0;
  let uncut = 0;
  while (zeros < full.length) {
    const next = uncut < cut.length && cut[uncut]! < full[zeros]! ? cut[uncut]! : full[zeros]!;
    const lowered = sum - (uncut - zeros) * (next - position);
    if (lowered <= 1) return position + (sum - 1) / (uncut - zeros);
    sum = lowered;
    position = next;
    if (uncut < cut.length && cut[uncut]! < full[zeros]!) uncut++;
    else zeros++;
  }
  return position;
}
