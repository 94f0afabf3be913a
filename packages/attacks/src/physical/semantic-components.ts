import { mapPlanes, type Picture } from "../corruptions/picture.ts";

/** What an image is changed by, each within a range of one number. "linf" is a perturbation instead, in shares of the range. */
export type SemanticComponent = "hue" | "saturation" | "rotation" | "brightness" | "contrast" | "linf";

/** As the authors have them: hue in radians, factors of saturation and contrast, degrees, shares of the range. */
export const usualRanges: Readonly<Record<SemanticComponent, readonly [number, number]>> = {
  hue: [-Math.PI, Math.PI],
  saturation: [0.7, 1.3],
  rotation: [-10, 10],
  brightness: [-0.2, 0.2],
  contrast: [0.7, 1.3],
  linf: [-8 / 255, 8 / 255],
};

/** The picture changed by one component; values stay from 0 to 1. */
export const semanticChanges: Readonly<
  Record<Exclude<SemanticComponent, "linf">, (picture: Picture, amount: number) => Picture>
> = {
  hue: (picture, angle) => inHsv(picture, (h, s, v) => [h + angle / (2 * Math.PI), s, v]),
  saturation: (picture, factor) => inHsv(picture, (h, s, v) => [h, Math.min(1, Math.max(0, s * factor)), v]),
  rotation: rotated,
  brightness: (picture, shift) => mapPlanes(picture, (plane) => plane.map((value) => limited(value + shift))),
  contrast: (picture, factor) => mapPlanes(picture, (plane) => plane.map((value) => limited(value * factor))),
};

function limited(value: number): number {
  return Math.min(1, Math.max(0, value));
}

type Colour = readonly [number, number, number];

function inHsv(picture: Picture, change: (h: number, s: number, v: number) => Colour): Picture {
  const [red, green, blue] = picture.planes.map((plane) => plane.slice()) as [Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < red.length; i++) {
    const [r, g, b] = fromHsv(...change(...toHsv(red[i]!, green[i]!, blue[i]!)));
    red[i] = r;
    green[i] = g;
    blue[i] = b;
  }
  return { ...picture, planes: [red, green, blue] };
}

/** Hue in turns, saturation and value from 0 to 1. */
export function toHsv(r: number, g: number, b: number): Colour {
  const value = Math.max(r, g, b);
  const spread = value - Math.min(r, g, b);
  if (spread === 0) return [0, 0, value];
  const sixth = value === r ? (g - b) / spread : value === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
  return [sixth / 6, spread / value, value];
}

export function fromHsv(hue: number, saturation: number, value: number): Colour {
  const channel = (offset: number): number => {
    const k = (((offset + 6 * hue) % 6) + 6) % 6;
    return value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Turned counter-clockwise about the middle by degrees, bilinear; black comes in from outside. */
function rotated(picture: Picture, degrees: number): Picture {
  const { height, width } = picture;
  const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [middleRow, middleColumn] = [(height - 1) / 2, (width - 1) / 2];
  return mapPlanes(picture, (plane) =>
    plane.map((_, pixel) => {
      const [r, c] = [Math.floor(pixel / width) - middleRow, (pixel % width) - middleColumn];
      const [fromRow, fromColumn] = [cosine * r + sine * c + middleRow, -sine * r + cosine * c + middleColumn];
      const [top, left] = [Math.floor(fromRow), Math.floor(fromColumn)];
      const [down, right] = [fromRow - top, fromColumn - left];
      const at = (y: number, x: number) => (y >= 0 && y < height && x >= 0 && x < width ? plane[y * width + x]! : 0);
      const upper = (1 - right) * at(top, left) + right * at(top, left + 1);
      return (1 - down) * upper + down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
    }),
  );
}
