import { type Tensor, tensor } from "@casemate/tensor";
import type { Face } from "./face.ts";
import { type Homography, homographyOf, inverse, type Pose, project } from "./homography.ts";
import { type Light, photograph } from "./light.ts";
import { type Point, path } from "./shapes.ts";

/** A picture of a sign, and where the sign is in it. */
export interface Rendering {
  /** [3, size, size]: red, green, blue from 0 to 1. */
  readonly image: Tensor;
  /** How much of each pixel the face of the sign covers: [size, size], from 0 to 1. */
  readonly mask: Float32Array;
  /** From the face, −1…1 on both axes, to pixels. */
  readonly homography: Homography;
  /** The corners of the square around the face in pixels: left top, right top, right bottom, left bottom. */
  readonly corners: readonly Point[];
}

/**
 * Renders a painted sign in a pose under a light, before a background [3, size, size] or an even grey. The face should be
 * about twice as fine as the image, so that nothing is lost or jagged.
 */
export function renderSign(face: Face, pose: Pose, light: Light, size: number, background?: Float32Array): Rendering {
  const homography = homographyOf(pose, size);
  const image = background ? Float32Array.from(background) : new Float32Array(3 * size * size).fill(0.5);
  const mask = overlay(image, face, inverse(homography), size);
  const corners = path(-1, -1, 1, -1, 1, 1, -1, 1).map((corner) => project(homography, corner));
  return { image: tensor([3, size, size], photograph(image, size, light)), mask, homography, corners };
}

/** Lays a face over an image and returns how much of each pixel it covers. */
function overlay(image: Float32Array, face: Face, toFace: Homography, size: number): Float32Array {
  const pixels = size * size;
  const mask = new Float32Array(pixels);
  const seen = new Float32Array(4);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      seen.fill(0);
      for (let point = 0; point < POINTS * POINTS; point++) {
        const x = column + ((point % POINTS) + 0.5) / POINTS;
        const y = row + (Math.floor(point / POINTS) + 0.5) / POINTS;
        addTexel(seen, face, toFace, x, y);
      }
      const opacity = seen[3]! / (POINTS * POINTS);
      for (let channel = 0; channel < 3; channel++) {
        const i = channel * pixels + at;
        image[i] = image[i]! * (1 - opacity) + seen[channel]! / (POINTS * POINTS);
      }
      mask[at] = opacity;
    }
  }
  return mask;
}

const POINTS = 3; // on each side of a pixel

/** Adds what the face shows at a place of the image, bilinearly between its texels. */
function addTexel(seen: Float32Array, { side, planes }: Face, h: Homography, x: number, y: number): void {
  const w = h[6]! * x + h[7]! * y + h[8]!;
  const u = (((h[0]! * x + h[1]! * y + h[2]!) / w + 1) * side) / 2 - 0.5;
  const v = (((h[3]! * x + h[4]! * y + h[5]!) / w + 1) * side) / 2 - 0.5;
  const [left, top] = [Math.floor(u), Math.floor(v)];
  if (!(left >= 0 && top >= 0 && left < side - 1 && top < side - 1)) return; // beside the face, which reaches no border
  const [right, below] = [u - left, v - top];
  for (let plane = 0, at = top * side + left; plane < 4; plane++, at += side * side) {
    const upper = planes[at]! * (1 - right) + planes[at + 1]! * right;
    const lower = planes[at + side]! * (1 - right) + planes[at + side + 1]! * right;
    seen[plane]! += upper * (1 - below) + lower * below;
  }
}
