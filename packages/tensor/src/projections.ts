import { rowsOf } from "./norms.ts";
import { TensorError } from "./tensor.ts";

/** One number for all features, or one per feature of a row. */
export type PerFeature = number | Float32Array;

/** Limits each element of `x`, in place, to its feature's range; `x` holds rows as wide as the arrays given. */
export function clip(x: Float32Array, lower: PerFeature, upper: PerFeature): void {
  if (typeof lower === "number" && typeof upper === "number") {
    for (let i = 0; i < x.length; i++) {
      const value = x[i]!;
      x[i] = value < lower ? lower : value > upper ? upper : value;
    }
    return;
  }
  const width = typeof lower === "number" ? (upper as Float32Array).length : lower.length;
  const low = spread(lower, width);
  const high = spread(upper, width);
  for (let row = rowsOf(x, width), i = 0; row > 0; row--) {
    for (let j = 0; j < width; j++, i++) {
      const value = x[i]!;
      x[i] = value < low[j]! ? low[j]! : value > high[j]! ? high[j]! : value;
    }
  }
}

/** Moves each element of `x`, in place, to within its feature's radius of `origin`: the projection onto the Linf ball. */
export function projectOntoLinfBall(x: Float32Array, origin: Float32Array, radius: PerFeature): void {
  const width = typeof radius === "number" ? x.length : radius.length;
  const radii = typeof radius === "number" ? undefined : radius;
  for (let row = width && rowsOf(x, width), i = 0; row > 0; row--) {
    for (let j = 0; j < width; j++, i++) {
      const reach = radii ? radii[j]! : (radius as number);
      const low = origin[i]! - reach;
      const high = origin[i]! + reach;
      const value = x[i]!;
      x[i] = value < low ? low : value > high ? high : value;
    }
  }
}

/**
 * Moves each row of `x`, in place, to within `radius` of its row of `origin`, along the line between them: the projection
 * onto the L2 ball. With a radius per feature the ball is an ellipsoid and the projection is that of the space in which
 * it is round; a radius of 0 pins the feature.
 */
export function projectOntoL2Ball(x: Float32Array, origin: Float32Array, width: number, radius: PerFeature): void {
  const radii = spread(radius, width);
  const inverse = Float64Array.from(radii, (reach) => (reach === 0 ? 0 : 1 / reach));
  const pinned = [...radii.keys()].filter((j) => radii[j] === 0);
  for (let row = 0, rows = rowsOf(x, width); row < rows; row++) {
    const start = row * width;
    for (const j of pinned) x[start + j] = origin[start + j]!;
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const change = (x[start + j]! - origin[start + j]!) * inverse[j]!;
      sum += change * change;
    }
    if (sum <= 1) continue;
    const scale = 1 / Math.sqrt(sum);
    for (let i = start; i < start + width; i++) x[i] = origin[i]! + scale * (x[i]! - origin[i]!);
  }
}

/** `value` as an array of `width` elements: itself if it is one. Throws a TensorError if its length is another. */
export function spread(value: PerFeature, width: number): Float32Array | Float64Array {
  if (typeof value === "number") return new Float64Array(width).fill(value);
  if (value.length === width) return value;
  throw new TensorError("SHAPE_MISMATCH", `per-feature values: expected ${width}, got ${value.length}`);
}
