import { type Sign, signs } from "./signs.ts";

/** A sign seen from the front, −1…1 on both axes: four planes of side × side, red, green, blue times opacity, and opacity. */
export interface Face {
  readonly side: number;
  readonly planes: Float32Array;
}

/** What is stuck on a sign, over the square of its face. Where `mask` is 1 the sticker hides the sign, where 0 it is absent. */
export interface Sticker {
  readonly side: number;
  /** [3, side, side], each number from 0 to 1. */
  readonly colours: Float32Array;
  /** [side, side] */
  readonly mask: Float32Array;
}

/** Paints a sign; on an edge a texel is mixed by how deep its middle lies. */
export function paintFace({ layers }: Sign, side: number): Face {
  const texels = side * side;
  const planes = new Float32Array(4 * texels);
  for (let at = 0; at < texels; at++) {
    const x = (2 * ((at % side) + 0.5)) / side - 1;
    const y = (2 * (Math.floor(at / side) + 0.5)) / side - 1;
    const opacity = share(layers[0]![1](x, y), side);
    if (opacity === 0) continue;
    planes[3 * texels + at] = opacity;
    for (const [layer, [colour, shape]] of layers.entries()) {
      const covered = layer === 0 ? 1 : share(shape(x, y), side);
      for (let channel = 0; channel < 3; channel++) {
        const i = channel * texels + at;
        planes[i] = planes[i]! * (1 - covered) + colour[channel]! * opacity * covered;
      }
    }
  }
  return { side, planes };
}

/** How much of a texel lies inside a shape, by the distance of its middle. */
function share(distance: number, side: number): number {
  return Math.min(1, Math.max(0, 0.5 - (distance * side) / 2));
}

/** All signs painted, in the order of the classes. */
export function paintFaces(side: number): Face[] {
  return signs.map((sign) => paintFace(sign, side));
}

/** The face with a sticker on it, which may be coarser; nothing sticks beside the sign. */
export function withSticker({ side, planes }: Face, sticker: Sticker): Face {
  const texels = side * side;
  const covered = Float32Array.from(planes);
  for (let i = 0; i < 3 * texels; i++) {
    const [channel, at] = [Math.floor(i / texels), i % texels];
    const row = Math.floor((Math.floor(at / side) * sticker.side) / side);
    const from = row * sticker.side + Math.floor(((at % side) * sticker.side) / side);
    const colour = sticker.colours[channel * sticker.side * sticker.side + from]! * planes[3 * texels + at]!;
    covered[i]! += sticker.mask[from]! * (colour - planes[i]!);
  }
  return { side, planes: covered };
}
