import { motionBlur, zoomed } from "./blur.ts";
import type { Chance } from "./chance.ts";
import { mapPlanes, type Picture } from "./picture.ts";

/** Clouds of a diamond-square height map over the picture. */
export function fog(picture: Picture, [density, decay]: readonly [number, number], chance: Chance): Picture {
  const brightest = Math.max(...picture.planes.map((plane) => plane.reduce((most, value) => Math.max(most, value), 0)));
  const cloud = clouds(picture, decay, chance);
  return mapPlanes(picture, (plane) =>
    plane.map((value, i) => ((value + density * cloud[i]!) * brightest) / (brightest + density)),
  );
}

/**
 * Frost over the picture, light and bluish where there are three channels. The authors blend in photographs of frost; these
 * crystals are drawn: ridges of two height maps.
 */
export function frost(picture: Picture, [kept, thickness]: readonly [number, number], chance: Chance): Picture {
  const [coarse, fine] = [clouds(picture, 2, chance), clouds(picture, 1.4, chance)];
  const ice = coarse.map((value, i) => 0.35 + 0.65 * (1 - Math.abs(2 * value - 1)) ** 3 * (0.5 + 0.5 * fine[i]!));
  const tint = picture.planes.length === 3 ? [0.85, 0.95, 1] : [0.95];
  return mapPlanes(picture, (plane, channel) =>
    plane.map((value, i) => kept * value + thickness * ice[i]! * tint[channel % tint.length]!),
  );
}

/** Mean and spread of the flakes, their size, the least that is one, length and fading of their streaks, and what is kept. */
export type Snowfall = readonly [
  mean: number,
  spread: number,
  zoom: number,
  least: number,
  radius: number,
  deviation: number,
  kept: number,
];

/** Flakes that fall past, and the whitened light of snow. */
export function snow(
  picture: Picture,
  [mean, spread, zoom, least, radius, deviation, kept]: Snowfall,
  chance: Chance,
): Picture {
  const { height, width, planes } = picture;
  const noise = Float64Array.from(chance.normal(height * width), (value) => mean + spread * value);
  const flakes = zoomed(noise, picture, zoom).map((value) => (value < least ? 0 : Math.min(1, value)));
  const [degrees = 0] = chance.uniform(1, -135, -45);
  const layer = motionBlur({ height, width, planes: [flakes] }, [radius, deviation], degrees).planes[0]!;
  const grey = planes.length === 3 ? greyOf(planes) : planes[0]!;
  return mapPlanes(picture, (plane) =>
    plane.map((value, i) => {
      const whitened = kept * value + (1 - kept) * Math.max(value, grey[i]! * 1.5 + 0.5);
      return whitened + layer[i]! + layer[layer.length - 1 - i]!; // and the same layer turned upside down
    }),
  );
}

/** Luma of ITU-R BT.601. */
function greyOf([red, green, blue]: readonly Float64Array[]): Float64Array {
  return red!.map((value, i) => 0.299 * value + 0.587 * green![i]! + 0.114 * blue![i]!);
}

/** A height map by diamonds and squares, from 0 to 1, whose detail decays by a factor from one size to the next. */
export function clouds(
  { height, width }: Pick<Picture, "height" | "width">,
  decay: number,
  chance: Chance,
): Float64Array {
  const side = 2 ** Math.ceil(Math.log2(Math.max(height, width, 2)));
  const map = new Float64Array(side * side);
  const at = (row: number, column: number) => map[(row & (side - 1)) * side + (column & (side - 1))]!;
  let roughness = 100;
  for (let step = side; step >= 2; step /= 2) {
    const half = step / 2;
    const places = (side / step) ** 2;
    const settle = (row0: number, column0: number, neighbours: (row: number, column: number) => number) => {
      const jitter = chance.uniform(places, -roughness, roughness);
      for (let i = 0; i < places; i++) {
        const row = row0 + Math.floor(i / (side / step)) * step;
        const column = column0 + (i % (side / step)) * step;
        map[row * side + column] = neighbours(row, column) / 4 + roughness * jitter[i]!;
      }
    };
    settle(
      half,
      half,
      (r, c) => at(r - half, c - half) + at(r - half, c + half) + at(r + half, c - half) + at(r + half, c + half),
    );
    const around = (r: number, c: number) => at(r - half, c) + at(r + half, c) + at(r, c - half) + at(r, c + half);
    settle(0, half, around);
    settle(half, 0, around);
    roughness /= decay;
  }
  const lowest = map.reduce((least, value) => Math.min(least, value), Infinity);
  const range = map.reduce((most, value) => Math.max(most, value), -Infinity) - lowest;
  return Float64Array.from({ length: height * width }, (_, pixel) => {
    const value = map[Math.floor(pixel / width) * side + (pixel % width)]!;
    return range === 0 ? 0 : (value - lowest) / range;
  });
}
