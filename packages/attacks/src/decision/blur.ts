import { clip } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import { type PathOptions, pathAttack } from "./path-attacks.ts";
import type { Place } from "./path-search.ts";

/**
 * Blurs images with a Gaussian whose standard deviation grows up to the longer side, as Foolbox does in 1000 steps; here fewer
 * steps are refined by bisection.
 */
export function gaussianBlur({ steps = 100, ...options }: PathOptions = {}): Attack {
  return blur("Gaussian blur", { steps, ...options }, { weight: gaussian, radius: 4, isMotion: false });
}

/** Averages each pixel with a square around it that grows up to the size of the image. */
export function boxBlur({ steps = 100, ...options }: PathOptions = {}): Attack {
  return blur("Box blur", { steps, ...options }, { weight: box, radius: 1, isMotion: false });
}

/** Averages each pixel with its row to both sides, as if the camera had moved, further and further. */
export function motionBlur({ steps = 100, ...options }: PathOptions = {}): Attack {
  return blur("Motion blur", { steps, ...options }, { weight: box, radius: 1, isMotion: true });
}

interface Kernel {
  /** The weight of a pixel at a distance, both in pixels. */
  readonly weight: (distance: number, size: number) => number;
  /** How far the weights reach, in sizes. */
  readonly radius: number;
  /** Along rows only. */
  readonly isMotion: boolean;
}

function blur(name: string, options: PathOptions, kernel: Kernel): Attack {
  return pathAttack(name, options, { pathOf: (search) => blurPath(search, name, kernel) });
}

function blurPath({ model, origin }: Search, name: string, kernel: Kernel): Place {
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

function gaussian(distance: number, size: number): number {
  return size === 0 ? 1 : Math.exp(-0.5 * (distance / size) ** 2);
}

/** The outermost pixels count in part, so that the blur grows without jumps. */
function box(distance: number, size: number): number {
  return Math.min(1, Math.max(0, size + 1 - Math.abs(distance)));
}
