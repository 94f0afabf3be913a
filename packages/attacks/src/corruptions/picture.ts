import type { ImageShape } from "../image.ts";
import type { Bounds } from "../models/classifier.ts";
import { valueAt } from "../threats/radii.ts";

/** An image apart from any model: a plane of rows for each channel, from 0 to 1. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly planes: readonly Float64Array[];
}

export function pictureOf(x: Float32Array, shape: ImageShape, { lower, upper }: Bounds): Picture {
  const { channels, height, width } = shape;
  const planes = Array.from({ length: channels }, () => new Float64Array(height * width));
  visit(shape, (channel, pixel, feature) => {
    const low = valueAt(lower, feature);
    planes[channel]![pixel] = (x[feature]! - low) / (valueAt(upper, feature) - low);
  });
  return { height, width, planes };
}

/** Writes a picture as a sample, limited to the bounds. */
export function writePicture({ planes }: Picture, x: Float32Array, shape: ImageShape, { lower, upper }: Bounds): void {
  visit(shape, (channel, pixel, feature) => {
    const low = valueAt(lower, feature);
    const share = Math.min(1, Math.max(0, planes[channel]![pixel]!));
    x[feature] = low + share * (valueAt(upper, feature) - low);
  });
}

function visit(
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  each: (channel: number, pixel: number, feature: number) => void,
): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0, pixel = 0; row < height; row++) {
      for (let column = 0; column < width; column++, pixel++) {
        each(channel, pixel, channel * channelStride + row * rowStride + column * columnStride);
      }
    }
  }
}

/** The picture with each plane changed. */
export function mapPlanes(picture: Picture, change: (plane: Float64Array, channel: number) => Float64Array): Picture {
  return { ...picture, planes: picture.planes.map(change) };
}

/** What lies beyond an edge: its mirror image with the edge repeated or not, or the edge itself. */
export type Edge = "mirror" | "mirror-without-edge" | "nearest";

/** The position inside of `length` that stands for one that may be outside. */
export function inside(position: number, length: number, edge: Edge): number {
  if (position >= 0 && position < length) return position;
  if (edge === "nearest" || length === 1) return position < 0 ? 0 : length - 1;
  const period = edge === "mirror" ? 2 * length : 2 * length - 2;
  const wrapped = ((position % period) + period) % period;
  return wrapped < length ? wrapped : (edge === "mirror" ? period - 1 : period) - wrapped;
}

/** The plane between its pixels, bilinear. */
export function sampleAt(
  plane: Float64Array,
  { height, width }: Pick<Picture, "height" | "width">,
  row: number,
  column: number,
  edge: Edge,
): number {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [down, across] = [row - top, column - left];
  const at = (r: number, c: number) => plane[inside(r, height, edge) * width + inside(c, width, edge)]!;
  return (
    (1 - down) * ((1 - across) * at(top, left) + across * at(top, left + 1)) +
    down * ((1 - across) * at(top + 1, left) + across * at(top + 1, left + 1))
  );
}
