import { jpegCompression } from "../defended/jpeg.ts";
import { defocusBlur, glassBlur, motionBlur, zoomBlur } from "./blur.ts";
import type { Chance } from "./chance.ts";
import { brightness, contrast, elasticTransform, pixelate } from "./digital.ts";
import { gaussianNoise, impulseNoise, shotNoise } from "./noise.ts";
import type { Picture } from "./picture.ts";
import { fog, frost, type Snowfall, snow } from "./weather.ts";

export type Severity = 1 | 2 | 3 | 4 | 5;

export type CorruptionName = keyof typeof table;

/**
 * The 15 corruptions of Hendrycks & Dietterich (2019, https://arxiv.org/abs/1903.12261) at their 5 severities. Pictures of up to 64
 * pixels take the constants of CIFAR-10-C, larger ones those of ImageNet-C.
 */
export function corrupted(picture: Picture, name: CorruptionName, severity: Severity, chance: Chance): Picture {
  const isSmall = Math.max(picture.height, picture.width) <= 64;
  return table[name](picture, severity - 1, isSmall, chance);
}

type Corrupt = (picture: Picture, level: number, isSmall: boolean, chance: Chance) => Picture;

/** A corruption by its constants, a row for small pictures and one for large, from the mildest. */
function by<C>(
  small: readonly C[],
  large: readonly C[],
  corrupt: (picture: Picture, constant: C, chance: Chance) => Picture,
): Corrupt {
  return (picture, level, isSmall, chance) => corrupt(picture, (isSmall ? small : large)[level]!, chance);
}

type Pair = readonly [number, number];
type Triple = readonly [number, number, number];

const snowfalls: { readonly small: readonly Snowfall[]; readonly large: readonly Snowfall[] } = {
  small: [
    [0.1, 0.2, 1, 0.6, 8, 3, 0.95],
    [0.1, 0.2, 1, 0.5, 10, 4, 0.9],
    [0.15, 0.3, 1.75, 0.55, 10, 4, 0.9],
    [0.25, 0.3, 2.25, 0.6, 12, 6, 0.85],
    [0.3, 0.3, 1.25, 0.65, 14, 12, 0.8],
  ],
  large: [
    [0.1, 0.3, 3, 0.5, 10, 4, 0.8],
    [0.2, 0.3, 2, 0.5, 12, 4, 0.7],
    [0.55, 0.3, 4, 0.9, 12, 8, 0.7],
    [0.55, 0.3, 4.5, 0.85, 12, 8, 0.65],
    [0.55, 0.3, 2.5, 0.85, 12, 12, 0.55],
  ],
};

/** 1, 1 + step … up to and without `end`. */
const zooms = (end: number, step: number): readonly number[] =>
  Array.from({ length: Math.ceil((end - 1) / step - 1e-9) }, (_, i) => 1 + i * step);

const table = {
  "gaussian-noise": by([0.04, 0.06, 0.08, 0.09, 0.1], [0.08, 0.12, 0.18, 0.26, 0.38], gaussianNoise),
  "shot-noise": by([500, 250, 100, 75, 50], [60, 25, 12, 5, 3], shotNoise),
  "impulse-noise": by([0.01, 0.02, 0.03, 0.05, 0.07], [0.03, 0.06, 0.09, 0.17, 0.27], impulseNoise),
  "defocus-blur": by<Pair>(
    [
      [0.3, 0.4],
      [0.4, 0.5],
      [0.5, 0.6],
      [1, 0.2],
      [1.5, 0.1],
    ],
    [
      [3, 0.1],
      [4, 0.5],
      [6, 0.5],
      [8, 0.5],
      [10, 0.5],
    ],
    defocusBlur,
  ),
  "glass-blur": by<Triple>(
    [
      [0.05, 1, 1],
      [0.25, 1, 1],
      [0.4, 1, 1],
      [0.25, 1, 2],
      [0.4, 1, 2],
    ],
    [
      [0.7, 1, 2],
      [0.9, 2, 1],
      [1, 2, 3],
      [1.1, 3, 2],
      [1.5, 4, 2],
    ],
    glassBlur,
  ),
  "motion-blur": by<Pair>(
    [
      [6, 1],
      [6, 1.5],
      [6, 2],
      [8, 2],
      [9, 2.5],
    ],
    [
      [10, 3],
      [15, 5],
      [15, 8],
      [15, 12],
      [20, 15],
    ],
    (picture, streak, chance) => motionBlur(picture, streak, chance.uniform(1, -45, 45)[0]!),
  ),
  "zoom-blur": by(
    [zooms(1.06, 0.01), zooms(1.11, 0.01), zooms(1.16, 0.01), zooms(1.21, 0.01), zooms(1.26, 0.01)],
    [zooms(1.11, 0.01), zooms(1.16, 0.01), zooms(1.21, 0.02), zooms(1.26, 0.02), zooms(1.31, 0.03)],
    zoomBlur,
  ),
  snow: by(snowfalls.small, snowfalls.large, snow),
  frost: by<Pair>(
    [
      [1, 0.2],
      [1, 0.3],
      [0.9, 0.4],
      [0.85, 0.4],
      [0.75, 0.45],
    ],
    [
      [1, 0.4],
      [0.8, 0.6],
      [0.7, 0.7],
      [0.65, 0.7],
      [0.6, 0.75],
    ],
    frost,
  ),
  fog: by<Pair>(
    [
      [0.2, 3],
      [0.5, 3],
      [0.75, 2.5],
      [1, 2],
      [1.5, 1.75],
    ],
    [
      [1.5, 2],
      [2, 2],
      [2.5, 1.7],
      [2.5, 1.5],
      [3, 1.4],
    ],
    fog,
  ),
  brightness: by([0.05, 0.1, 0.15, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5], brightness),
  contrast: by([0.75, 0.5, 0.4, 0.3, 0.15], [0.4, 0.3, 0.2, 0.1, 0.05], contrast),
  // in shares of the picture's side
  "elastic-transform": by<Triple>(
    [
      [0, 0, 0.08],
      [0.05, 0.2, 0.07],
      [0.08, 0.06, 0.06],
      [0.1, 0.04, 0.05],
      [0.1, 0.03, 0.03],
    ],
    [
      [2, 0.7, 0.1],
      [2, 0.08, 0.2],
      [0.05, 0.01, 0.02],
      [0.07, 0.01, 0.02],
      [0.12, 0.01, 0.02],
    ],
    (picture, shares, chance) => {
      const side = Math.min(picture.height, picture.width);
      const [strength, smoothness, shift] = shares.map((share) => share * side) as [number, number, number];
      return elasticTransform(picture, [strength, smoothness, shift], chance);
    },
  ),
  pixelate: by([0.95, 0.9, 0.85, 0.75, 0.65], [0.6, 0.5, 0.4, 0.3, 0.25], pixelate),
  "jpeg-compression": by([80, 65, 58, 50, 40], [25, 18, 15, 10, 7], jpeg),
} satisfies Record<string, Corrupt>;

/** The names, in the order of the paper. */
export const corruptions = Object.keys(table) as readonly CorruptionName[];

function jpeg({ height, width, planes }: Picture, quality: number): Picture {
  const x = Float32Array.from(
    planes.flatMap((plane) => [...plane]),
    (value) => Math.min(1, Math.max(0, value)),
  );
  const decoded = jpegCompression({ quality }).apply(x, {
    inputShape: [planes.length, height, width],
    layout: "channels-first",
    bounds: { lower: 0, upper: 1 },
    draw: { seed: 0, stream: 0, sample: 0, step: 0 },
  });
  const size = height * width;
  return { height, width, planes: planes.map((_, k) => Float64Array.from(decoded.subarray(k * size, (k + 1) * size))) };
}
