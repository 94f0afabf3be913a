import type { Chance } from "./chance.ts";
import { type Edge, inside, mapPlanes, type Picture, sampleAt } from "./picture.ts";

type Size = Pick<Picture, "height" | "width">;

/** A disk, its edge softened: a lens out of focus. */
export function defocusBlur(picture: Picture, [radius, softness]: readonly [number, number]): Picture {
  const reach = radius <= 8 ? 8 : Math.floor(radius);
  const side = 2 * reach + 1;
  const disk = Float64Array.from({ length: side * side }, (_, i) => {
    const [y, x] = [Math.floor(i / side) - reach, (i % side) - reach];
    return x * x + y * y <= radius * radius ? 1 : 0;
  });
  const size = { height: side, width: side };
  const soft = gaussianBlur(disk, size, softness, radius <= 8 ? 1 : 2, "mirror-without-edge");
  const total = disk.reduce((sum, value) => sum + value, 0);
  return mapPlanes(picture, (plane) => {
    const blurred = new Float64Array(plane.length);
    for (let row = 0, pixel = 0; row < picture.height; row++) {
      for (let column = 0; column < picture.width; column++, pixel++) {
        let sum = 0;
        for (let i = 0; i < soft.length; i++) {
          if (soft[i] === 0) continue;
          const r = inside(row + Math.floor(i / side) - reach, picture.height, "mirror-without-edge");
          const c = inside(column + (i % side) - reach, picture.width, "mirror-without-edge");
          sum += soft[i]! * plane[r * picture.width + c]!;
        }
        blurred[pixel] = sum / total;
      }
    }
    return blurred;
  });
}

/**
 * Frosted glass: pixels change places with neighbours, between two blurs. The authors' code overwrites where it means to swap;
 * here they swap.
 */
export function glassBlur(
  picture: Picture,
  [deviation, reach, rounds]: readonly [number, number, number],
  chance: Chance,
): Picture {
  const { height, width } = picture;
  const radius = Math.floor(4 * deviation + 0.5);
  const planes = picture.planes.map((plane) => gaussianBlur(plane, picture, deviation, radius, "nearest"));
  for (let round = 0; round < rounds; round++) {
    const steps = chance.integers(2 * height * width, 2 * reach);
    for (let row = height - reach, next = 0; row > reach; row--) {
      for (let column = width - reach; column > reach; column--) {
        const to = (row + steps[next++]! - reach) * width + column + steps[next++]! - reach;
        const from = row * width + column;
        if (from >= height * width || to >= height * width) continue;
        for (const plane of planes) [plane[from], plane[to]] = [plane[to]!, plane[from]!];
      }
    }
  }
  return { ...picture, planes: planes.map((plane) => gaussianBlur(plane, picture, deviation, radius, "nearest")) };
}

/** A streak in one direction, fading as half a Gaussian, as ImageMagick makes it. */
export function motionBlur(picture: Picture, [radius, deviation]: readonly [number, number], degrees: number): Picture {
  const length = 2 * Math.ceil(radius) + 1;
  const weights = Float64Array.from({ length }, (_, i) => Math.exp(-(i * i) / (2 * deviation * deviation)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const angle = (degrees * Math.PI) / 180;
  const { height, width } = picture;
  const offsets = Array.from(weights, (weight, i) => ({
    weight: weight / total,
    down: Math.ceil(i * Math.sin(angle) - 0.5),
    right: Math.ceil(i * Math.cos(angle) - 0.5),
  }));
  return mapPlanes(picture, (plane) => {
    const blurred = new Float64Array(plane.length);
    for (let row = 0, pixel = 0; row < height; row++) {
      for (let column = 0; column < width; column++, pixel++) {
        for (const { weight, down, right } of offsets) {
          const r = inside(row + down, height, "nearest");
          blurred[pixel]! += weight * plane[r * width + inside(column + right, width, "nearest")]!;
        }
      }
    }
    return blurred;
  });
}

/** The mean of the picture and of closer and closer ones. */
export function zoomBlur(picture: Picture, factors: readonly number[]): Picture {
  return mapPlanes(picture, (plane) => {
    const sum = plane.slice();
    for (const factor of factors) {
      const near = zoomed(plane, picture, factor);
      for (let i = 0; i < sum.length; i++) sum[i]! += near[i]!;
    }
    return sum.map((value) => value / (factors.length + 1));
  });
}

/** The middle of a plane enlarged to its size. */
export function zoomed(plane: Float64Array, { height, width }: Size, factor: number): Float64Array {
  const along = (length: number) => {
    const part = Math.ceil(length / factor);
    const large = Math.max(length, Math.round(part * factor));
    const start = Math.floor((length - part) / 2);
    const trim = Math.floor((large - length) / 2);
    return Float64Array.from({ length }, (_, i) => start + ((i + trim) * (part - 1)) / Math.max(1, large - 1));
  };
  const [rows, columns] = [along(height), along(width)];
  return Float64Array.from({ length: plane.length }, (_, pixel) =>
    sampleAt(plane, { height, width }, rows[Math.floor(pixel / width)]!, columns[pixel % width]!, "nearest"),
  );
}

/** Convolves with a Gaussian cut off `radius` pixels away. */
export function gaussianBlur(
  plane: Float64Array,
  { height, width }: Size,
  deviation: number,
  radius: number,
  edge: Edge,
): Float64Array {
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    deviation === 0 ? Number(i === radius) : Math.exp(-0.5 * ((i - radius) / deviation) ** 2),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const pass = (from: Float64Array, isAcross: boolean): Float64Array =>
    Float64Array.from({ length: from.length }, (_, pixel) => {
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        const r = isAcross ? row : inside(row + k, height, edge);
        const c = isAcross ? inside(column + k, width, edge) : column;
        sum += kernel[k + radius]! * from[r * width + c]!;
      }
      return sum / total;
    });
  return pass(pass(plane, false), true);
}
