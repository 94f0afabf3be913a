import type { Chance } from "./chance.ts";
import { mapPlanes, type Picture } from "./picture.ts";

export function gaussianNoise(picture: Picture, deviation: number, chance: Chance): Picture {
  return mapPlanes(picture, (plane) => {
    const noise = chance.normal(plane.length);
    return plane.map((value, i) => value + deviation * noise[i]!);
  });
}

/** Light as single photons, `photons` of which make white: Poisson noise. */
export function shotNoise(picture: Picture, photons: number, chance: Chance): Picture {
  return mapPlanes(picture, (plane) => {
    const uniform = chance.uniform(plane.length);
    return plane.map((value, i) => poisson(Math.max(0, value) * photons, uniform[i]!) / photons);
  });
}

/** A share of the values becomes black or white. */
export function impulseNoise(picture: Picture, share: number, chance: Chance): Picture {
  return mapPlanes(picture, (plane) => {
    const uniform = chance.uniform(plane.length);
    return plane.map((value, i) => (uniform[i]! < share / 2 ? 0 : uniform[i]! < share ? 1 : value));
  });
}

/** The number whose probability of not being exceeded first reaches `uniform`. */
function poisson(mean: number, uniform: number): number {
  let probability = Math.exp(-mean);
  let count = 0;
  for (let sum = probability; sum < uniform && count < 10 * mean + 50; sum += probability) {
    count++;
    probability *= mean / count;
  }
  return count;
}
