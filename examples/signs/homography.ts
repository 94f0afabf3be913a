import type { Point } from "./shapes.ts";

/** A plane seen through another, 3 × 3 in rows: [x, y, 1] becomes [X, Y, W], which is the point (X / W, Y / W). */
export type Homography = readonly number[];

/** How a sign stands before the camera. */
export interface Pose {
  /** Half the side of the sign's face as a share of half the image's side, seen from the front. */
  readonly scale: number;
  /** Where its middle is, from −1 (left, top) to 1 (right, bottom) of the image. */
  readonly x: number;
  readonly y: number;
  /** Turned in its plane, clockwise; all angles in radians. */
  readonly roll: number;
  /** Turned away to one side and up or down, which is what perspective comes from. */
  readonly pan: number;
  readonly tilt: number;
}

/** Straight ahead, filling nine tenths of the image. */
export const frontal: Pose = { scale: 0.9, x: 0, y: 0, roll: 0, pan: 0, tilt: 0 };

/** From the sign's face (−1…1) to pixels of an image of `size` × `size`, whose first pixel is centred at (0.5, 0.5). */
export function homographyOf({ scale, x, y, roll, pan, tilt }: Pose, size: number): Homography {
  const [cr, sr] = [Math.cos(roll), Math.sin(roll)];
  const [cp, sp] = [Math.cos(pan), Math.sin(pan)];
  const [ct, st] = [Math.cos(tilt), Math.sin(tilt)];
  // The first two columns of pan · tilt · roll: a point (u, v, 0) of the face in the camera's axes, the sign's middle at 0.
  const right = [cp * cr + sp * st * sr, ct * sr, -sp * cr + cp * st * sr];
  const down = [-cp * sr + sp * st * cr, ct * cr, sp * sr + cp * st * cr];
  const half = size / 2;
  const depth = [right[2]! / DISTANCE, down[2]! / DISTANCE, 1];
  const row = (axis: 0 | 1, middle: number): number[] =>
    [right[axis]!, down[axis]!, 0].map((each, i) => half * (scale * each + (middle + 1) * depth[i]!));
  return [...row(0, x), ...row(1, y), ...depth];
}

const DISTANCE = 3; // of the camera, in units of half a sign: near enough that perspective shows

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

export function project([a, b, c, d, e, f, g, h, i]: Homography, [x, y]: Point): Point {
  const w = g! * x + h! * y + i!;
  return [(a! * x + b! * y + c!) / w, (d! * x + e! * y + f!) / w];
}
