import { type Draw, fillUniform } from "@casemate/tensor";
import { type Homography, inverse, multiply, project, scaleAndShift } from "./homography.ts";

/** How far the circumstances of a pattern vary: it has to work under all of them. Each is drawn uniformly. */
export interface Transformations {
  /** Degrees to either side. */
  readonly rotation: number;
  /** Smallest and largest size: for a patch its longer side as a share of the image's shorter one, for a sticker a factor. */
  readonly scale: readonly [number, number];
  /** Shift to either side: for a patch as a share of the room that it has, for a sticker as a share of the image's shorter side. */
  readonly translation: number;
  /** By how much the far edge is further away than the middle, as a share, both ways; below 0.5. */
  readonly perspective: number;
  /** Light added to or taken from the pattern, as a share of the range of the input. */
  readonly brightness: number;
  /** Smallest and largest contrast of the pattern about the middle of the range; 1 changes nothing. */
  readonly contrast: readonly [number, number];
  /** Largest standard deviation, in pixels, of the camera's blur, which touches the whole image. */
  readonly blur: number;
}

export type TransformationName = keyof Transformations;

export const transformationNames: readonly TransformationName[] = [
  "rotation",
  "scale",
  "translation",
  "perspective",
  "brightness",
  "contrast",
  "blur",
];

/** One drawing of the circumstances. */
export interface View {
  /** From texels of the pattern (x to the right, y down, edges at whole numbers) to pixels of the image. */
  readonly toImage: Homography;
  readonly gain: number;
  /** Share of the range. */
  readonly offset: number;
  readonly blur: number;
}

/** Where a pattern is before it is moved about. */
export interface Placement {
  /** From texels to a frame with the pattern's middle at 0. */
  readonly toFrame: Homography;
  /** Of the frame in the image, in pixels. */
  readonly middle: readonly [number, number];
  /** Pixels to a unit of the frame. */
  readonly unit: number;
  /** How far a full translation goes, in pixels, given how large and how turned the pattern is. */
  readonly room: (scale: number, cosine: number, sine: number) => readonly [number, number];
}

/** The view that `draw` stands for. Only the transformations named vary; the others are at the middle of what they may be. */
export function drawView(
  { toFrame, middle, unit, room }: Placement,
  limits: Transformations,
  names: readonly TransformationName[],
  draw: Draw,
): View {
  const numbers = fillUniform(new Float32Array(9), draw, -1, 1);
  const at = (name: TransformationName, index: number): number => (names.includes(name) ? numbers[index]! : 0);
  const between = ([low, high]: readonly [number, number], u: number): number =>
    (low + high) / 2 + ((high - low) / 2) * u;
  const angle = (limits.rotation * at("rotation", 0) * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const scale = between(limits.scale, at("scale", 1));
  const [right, down] = room(scale, cosine, sine);
  const tilted: Homography = [
    ...[1, 0, 0, 0, 1, 0],
    limits.perspective * at("perspective", 4),
    limits.perspective * at("perspective", 5),
    1,
  ];
  const turned = multiply([cosine, -sine, 0, sine, cosine, 0, 0, 0, 1], multiply(tilted, toFrame));
  const shifted = scaleAndShift(
    unit * scale,
    middle[0] + right * limits.translation * at("translation", 2),
    middle[1] + down * limits.translation * at("translation", 3),
  );
  return {
    toImage: multiply(shifted, turned),
    gain: between(limits.contrast, at("contrast", 6)),
    offset: limits.brightness * at("brightness", 7),
    blur: limits.blur * ((1 + at("blur", 8)) / 2) * (names.includes("blur") ? 1 : 0),
  };
}

/** A patch of rows × columns texels, which may be anywhere as long as it is in the image. */
export function patchPlacement(
  { rows, columns }: Readonly<Record<"rows" | "columns", number>>,
  { height, width }: Readonly<Record<"height" | "width", number>>,
): Placement {
  const longer = Math.max(rows, columns);
  const unit = Math.min(height, width) / 2;
  return {
    toFrame: scaleAndShift(2 / longer, -columns / longer, -rows / longer),
    middle: [width / 2, height / 2],
    unit,
    room(scale, cosine, sine) {
      const [halfWidth, halfHeight] = [(unit * scale * columns) / longer, (unit * scale * rows) / longer];
      const [c, s] = [Math.abs(cosine), Math.abs(sine)];
      return [
        Math.max(0, width / 2 - c * halfWidth - s * halfHeight),
        Math.max(0, height / 2 - s * halfWidth - c * halfHeight),
      ];
    },
  };
}

/** A sticker on an object that is seen through `pose`, which takes its texels to pixels of the image. */
export function stickerPlacement(
  pose: Homography,
  { rows, columns }: Readonly<Record<"rows" | "columns", number>>,
  { height, width }: Readonly<Record<"height" | "width", number>>,
): Placement {
  const middle = project(pose, columns / 2, rows / 2);
  const corners = cornersOf(rows, columns).map(([x, y]) => project(pose, x, y));
  const unit = Math.max(...corners.map(([x, y]) => Math.max(Math.abs(x - middle[0]), Math.abs(y - middle[1]))));
  const side = Math.min(height, width);
  return {
    toFrame: multiply(inverse(scaleAndShift(unit, ...middle)), pose),
    middle,
    unit,
    room: () => [side, side],
  };
}

/** Going round, in texels. */
export function cornersOf(rows: number, columns: number): readonly (readonly [number, number])[] {
  return [
    [0, 0],
    [columns, 0],
    [columns, rows],
    [0, rows],
  ];
}
