import { clip } from "@casemate/tensor";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import type { Place } from "./path-search.ts";

/** What a pixel's neighbours count for. */
export interface Kernel {
  /** The weight of a pixel at a distance, both in pixels. */
  readonly weight: (distance: number, size: number) => number;
  /** How far the weights reach, in sizes. */
  readonly radius: number;
  /** Along rows only. */
  readonly isMotion: boolean;
}

/** Blurs images more and more, up to the length of their longer side. Throws an AttackError for what is no image. */
export function blurPath({ model, origin }: Search, name: string, kernel: Kernel): Place {
  const shape = imageShape(model);
  if (!shape) {
    throw new AttackError("UNSUPPORTED_MODEL", `${name}: expected images, got inputs of [${model.inputShape}]`);
  }
  const longest = Math.max(shape.height, shape.width);
  const { lower, upper } = model.bounds;
  let last = 0;
  let down = smoothing(shape.height, 0, kernel);
  let across = smoothing(shape.width, 0, kernel);
  return (row, t, point) => {
    if (t !== last) {
      down = smoothing(shape.height, kernel.isMotion ? 0 : t * longest, kernel);
      across = smoothing(shape.width, t * longest, kernel);
      last = t;
    }
    smooth(origin.row(row), point, shape, down, across);
    clip(point, lower, upper); // the weights' sum is 1 only to rounding
  };
}

/** The matrix that blurs a line of `length` pixels; what a kernel reaches beyond the ends is mirrored, as SciPy does. */
function smoothing(length: number, size: number, { weight, radius }: Kernel): Float64Array<ArrayBuffer> {
  const matrix = new Float64Array(length * length);
  const reach = Math.ceil(radius * size);
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (let offset = -reach; offset <= reach; offset++) sum += weight(offset, size);
    for (let offset = -reach; offset <= reach; offset++) {
      const unfolded = (((i + offset) % (2 * length)) + 2 * length) % (2 * length);
      const j = unfolded < length ? unfolded : 2 * length - 1 - unfolded;
      matrix[i * length + j]! += weight(offset, size) / sum;
    }
  }
  return matrix;
}

function smooth(
  image: Float32Array,
  target: Float32Array,
  shape: ImageShape,
  down: Float64Array,
  across: Float64Array,
) {
  const { channels, height, width, channelStride, rowStride, columnStride } = shape;
  const half = new Float64Array(height * width);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const start = channel * channelStride + row * rowStride;
      for (let column = 0; column < width; column++) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += across[column * width + k]! * image[start + k * columnStride]!;
        half[row * width + column] = sum;
      }
    }
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let sum = 0;
        for (let k = 0; k < height; k++) sum += down[row * height + k]! * half[k * width + column]!;
        target[channel * channelStride + row * rowStride + column * columnStride] = sum;
      }
    }
  }
}

/** Weights that fall as a normal distribution with the size as its standard deviation; cut off at four of them. */
export const gaussian: Pick<Kernel, "weight" | "radius"> = {
  weight: (distance, size) => (size === 0 ? 1 : Math.exp(-0.5 * (distance / size) ** 2)),
  radius: 4,
};

/** Equal weights; the outermost pixels count in part, so that the blur grows without jumps. */
export const box: Pick<Kernel, "weight" | "radius"> = {
  weight: (distance, size) => Math.min(1, Math.max(0, size + 1 - Math.abs(distance))),
  radius: 1,
};
