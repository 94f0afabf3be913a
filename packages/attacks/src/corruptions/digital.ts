import { gaussianBlur } from "./blur.ts";
import type { Chance } from "./chance.ts";
import { mapPlanes, type Picture, sampleAt } from "./picture.ts";

/** Each channel is drawn towards its mean. */
export function contrast(picture: Picture, share: number): Picture {
  return mapPlanes(picture, (plane) => {
    const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
    return plane.map((value) => mean + share * (value - mean));
  });
}

/** The value of hue, saturation and value rises. */
export function brightness(picture: Picture, rise: number): Picture {
  const { planes } = picture;
  const brightest = planes[0]!.map((_, i) => planes.reduce((most, plane) => Math.max(most, plane[i]!), 0));
  return mapPlanes(picture, (plane) =>
    plane.map((value, i) => {
      const risen = Math.min(1, brightest[i]! + rise);
      return brightest[i] === 0 ? risen : (value * risen) / brightest[i]!;
    }),
  );
}

/** Shrunk and enlarged again, by the means of boxes. */
export function pixelate(picture: Picture, share: number): Picture {
  const { height, width } = picture;
  const [rows, columns] = [Math.max(1, Math.floor(height * share)), Math.max(1, Math.floor(width * share))];
  return mapPlanes(picture, (plane) => {
    const small = boxed(boxed(plane, height, width, rows, "rows"), rows, width, columns, "columns");
    return boxed(boxed(small, rows, columns, height, "rows"), height, columns, width, "columns");
  });
}

/** Resamples rows or columns to `count` by the mean of the pixels whose centres a box covers, as Pillow does. */
function boxed(
  plane: Float64Array,
  height: number,
  width: number,
  count: number,
  along: "rows" | "columns",
): Float64Array {
  const length = along === "rows" ? height : width;
  const scale = length / count;
  const support = 0.5 * Math.max(1, scale);
  const spans = Array.from({ length: count }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const covered = Array.from({ length }, (__, k) => k).filter((k) => {
      const offset = (k + 0.5 - centre) / Math.max(1, scale);
      return offset > -0.5 && offset <= 0.5 && Math.abs(k + 0.5 - centre) <= support;
    });
    return covered.length > 0 ? covered : [Math.min(length - 1, Math.floor(centre))];
  });
  const [rows, columns] = along === "rows" ? [count, width] : [height, count];
  return Float64Array.from({ length: rows * columns }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / columns), pixel % columns];
    const span = spans[along === "rows" ? row : column]!;
    const sum = span.reduce(
      (total, k) => total + (along === "rows" ? plane[k * width + column]! : plane[row * width + k]!),
      0,
    );
    return sum / span.length;
  });
}

/** A random affine map, then a smooth random displacement of every pixel; lengths in pixels. */
export function elasticTransform(
  picture: Picture,
  [strength, smoothness, shift]: readonly [number, number, number],
  chance: Chance,
): Picture {
  const { height, width } = picture;
  const affine = randomAffine(picture, shift, chance);
  const moved = mapPlanes(picture, (plane) =>
    Float64Array.from({ length: plane.length }, (_, pixel) => {
      const [row, column] = affine(Math.floor(pixel / width), pixel % width);
      return sampleAt(plane, picture, row, column, "mirror-without-edge");
    }),
  );
  const radius = Math.floor(3 * smoothness + 0.5);
  const field = () => {
    const noise = Float64Array.from(chance.uniform(height * width, -1, 1));
    return gaussianBlur(noise, picture, smoothness, radius, "mirror").map((value) => strength * value);
  };
  const [across, down] = [field(), field()];
  return mapPlanes(moved, (plane) =>
    Float64Array.from({ length: plane.length }, (_, pixel) =>
      sampleAt(plane, picture, Math.floor(pixel / width) + down[pixel]!, (pixel % width) + across[pixel]!, "mirror"),
    ),
  );
}

/** Where each pixel comes from under an affine map that moves three corners of a square by up to `shift`. */
function randomAffine(
  { height, width }: Picture,
  shift: number,
  chance: Chance,
): (row: number, column: number) => readonly [number, number] {
  const [middleX, middleY] = [Math.floor(height / 2), Math.floor(width / 2)];
  const reach = Math.floor(Math.min(height, width) / 3);
  const from = [
    [middleX + reach, middleY + reach],
    [middleX + reach, middleY - reach],
    [middleX - reach, middleY - reach],
  ] as const;
  const jitter = chance.uniform(6, -shift, shift);
  const to = from.map(([x, y], i) => [x + jitter[2 * i]!, y + jitter[2 * i + 1]!] as const);
  // destination → source: barycentric in the moved corners
  const [a, b, c] = to as [readonly [number, number], readonly [number, number], readonly [number, number]];
  const area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
  if (Math.abs(area) < 1e-9) return (row, column) => [row, column];
  return (row, column) => {
    const [x, y] = [column, row];
    const second = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area;
    const third = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area;
    const first = 1 - second - third;
    const at = (axis: 0 | 1) => first * from[0][axis] + second * from[1][axis] + third * from[2][axis];
    return [at(1), at(0)];
  };
}
