/** A plane seen through another, 3 × 3 in rows: [x, y, 1] becomes [X, Y, W], which is the point (X / W, Y / W). */
export type Homography = readonly number[];

/** First `b`, then `a`. */
export function multiply(a: Homography, b: Homography): Homography {
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [3 * Math.floor(i / 3), i % 3];
    return a[row]! * b[column]! + a[row + 1]! * b[column + 3]! + a[row + 2]! * b[column + 6]!;
  });
}

/** The way back; not finite where `homography` folds the plane to a line. */
export function inverse([a, b, c, d, e, f, g, h, i]: Homography): Homography {
  const adjugate = [
    e! * i! - f! * h!,
    c! * h! - b! * i!,
    b! * f! - c! * e!,
    f! * g! - d! * i!,
    a! * i! - c! * g!,
    c! * d! - a! * f!,
    d! * h! - e! * g!,
    b! * g! - a! * h!,
    a! * e! - b! * d!,
  ];
  const determinant = a! * adjugate[0]! + b! * adjugate[3]! + c! * adjugate[6]!;
  return adjugate.map((each) => each / determinant);
}

export function project([a, b, c, d, e, f, g, h, i]: Homography, x: number, y: number): readonly [number, number] {
  const w = g! * x + h! * y + i!;
  return [(a! * x + b! * y + c!) / w, (d! * x + e! * y + f!) / w];
}

/** Grows by a factor and then shifts. */
export function scaleAndShift(factor: number, right: number, down: number): Homography {
  return [factor, 0, right, 0, factor, down, 0, 0, 1];
}
