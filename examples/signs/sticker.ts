import { type Tensor, tensor } from "@casemate/tensor";
import type { Homography } from "./homography.ts";

/** Where stickers are on a face of side × side texels: two bars, above and below the word on the sign. [side, side] */
export function twoBars(side: number): Tensor {
  const isSticker = (x: number, y: number): boolean =>
    x > 3 / 16 && x < 13 / 16 && ((y > 2 / 16 && y < 5 / 16) || (y > 11 / 16 && y < 14 / 16));
  const texel = (i: number): number => ((i % side) + 0.5) / side;
  const row = (i: number): number => (Math.floor(i / side) + 0.5) / side;
  return tensor(
    [side, side],
    Float32Array.from({ length: side * side }, (_, i) => (isSticker(texel(i), row(i)) ? 1 : 0)),
  );
}

/** From texels of a sticker on the face, 0 to side, to pixels, by the homography of a rendering, whose face is −1…1. */
export function poseOf([a, b, c, d, e, f, g, h, i]: Homography, side: number): Homography {
  const s = 2 / side;
  return [a! * s, b! * s, c! - a! - b!, d! * s, e! * s, f! - d! - e!, g! * s, h! * s, i! - g! - h!];
}
