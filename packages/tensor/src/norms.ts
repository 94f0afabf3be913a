import { TensorError } from "./tensor.ts";

/** Ways to measure a perturbation: largest change, Euclidean length, sum of changes, number of features changed. */
export type Norm = "linf" | "l2" | "l1" | "l0";

/** The norm of each row of `x`, which holds rows of `width` elements; summed in float64. */
export function norms(norm: Norm, x: Float32Array, width: number): Float64Array {
  return measure[norm](x, undefined, rowsOf(x, width), width);
}

/** The norm of each row of `x - origin`; both hold rows of `width` elements. */
export function distances(norm: Norm, x: Float32Array, origin: Float32Array, width: number): Float64Array {
  if (x.length !== origin.length) {
    throw new TensorError("SHAPE_MISMATCH", `distances: expected ${x.length} elements of origin, got ${origin.length}`);
  }
  return measure[norm](x, origin, rowsOf(x, width), width);
}

type Measure = (x: Float32Array, origin: Float32Array | undefined, rows: number, width: number) => Float64Array;

const measure: Record<Norm, Measure> = {
  linf(x, origin, rows, width) {
    const result = new Float64Array(rows);
    for (let row = 0, i = 0; row < rows; row++) {
      let largest = 0;
      for (const end = i + width; i < end; i++) {
        largest = Math.max(largest, Math.abs(origin ? x[i]! - origin[i]! : x[i]!)); // keeps a NaN
      }
      result[row] = largest;
    }
    return result;
  },
  l2(x, origin, rows, width) {
    const result = new Float64Array(rows);
    for (let row = 0, i = 0; row < rows; row++) {
      let sum = 0;
      for (const end = i + width; i < end; i++) {
        const change = origin ? x[i]! - origin[i]! : x[i]!;
        sum += change * change;
      }
      result[row] = Math.sqrt(sum);
    }
    return result;
  },
  l1(x, origin, rows, width) {
    const result = new Float64Array(rows);
    for (let row = 0, i = 0; row < rows; row++) {
      let sum = 0;
      for (const end = i + width; i < end; i++) sum += Math.abs(origin ? x[i]! - origin[i]! : x[i]!);
      result[row] = sum;
    }
    return result;
  },
  l0(x, origin, rows, width) {
    const result = new Float64Array(rows);
    for (let row = 0, i = 0; row < rows; row++) {
      let count = 0;
      for (const end = i + width; i < end; i++) if (x[i] !== (origin ? origin[i] : 0)) count++;
      result[row] = count;
    }
    return result;
  },
};

/** How many rows of `width` elements `x` holds. Throws a TensorError if there is a remainder. */
export function rowsOf(x: Float32Array, width: number): number {
  if (x.length % width !== 0) {
    throw new TensorError("SHAPE_MISMATCH", `rows: ${x.length} elements are no whole number of rows of ${width}`);
  }
  return x.length / width;
}
