import { type Draw, fillUniform } from "@casemate/tensor";
import { forEachPixel, type ImageShape } from "../image.ts";

/** A linear map of a sample, and its transpose, which takes a gradient of the mapped sample back. */
export interface LinearMap {
  apply(x: Float32Array, mapped: Float32Array): void;
  transpose(gradient: Float32Array, back: Float32Array): void;
}

/**
 * What makes perturbations found on one model fool others. Transforms combine freely: copies and maps are of the input, a
 * smoothing of the gradient, and looking ahead and around of the point that the gradient is taken at.
 */
export type TransferTransform =
  /** Each sample is seen as `copies` mapped ones, and their gradients are averaged. */
  | {
      readonly type: "input";
      readonly name: string;
      readonly copies: number;
      map(shape: ImageShape, copy: number, draw: Draw): LinearMap | undefined;
    }
  /** What becomes of a gradient. */
  | { readonly type: "gradient"; readonly name: string; smooth(gradient: Float32Array, shape: ImageShape): void }
  /** The gradient is taken where momentum is about to lead. */
  | { readonly type: "lookahead"; readonly name: string }
  /** Gradients of `neighbours` around the last point, within `range` epsilons, correct the next. */
  | { readonly type: "variance"; readonly name: string; readonly neighbours: number; readonly range: number };

export interface DiverseInputsOptions {
  readonly probability?: number;
  /** The smallest size that an image is shrunk to, as a share of its own. */
  readonly smallest?: number;
}

/**
 * Diverse inputs, DI (Xie et al., 2019, https://arxiv.org/abs/1803.06978): with a probability the image is resized and put at a
 * random place. The authors enlarge it for models that take any size; here it shrinks, so that the size stays.
 */
export function diverseInputs({ probability = 0.5, smallest = 0.9 }: DiverseInputsOptions = {}): TransferTransform {
  return {
    type: "input",
    name: "DI",
    copies: 1,
    map(shape, _copy, draw) {
      const [chance = 1, size = 0, top = 0, left = 0] = fillUniform(new Float32Array(4), draw);
      if (chance >= probability) return undefined;
      const scale = smallest + (1 - smallest) * size;
      const [rows, columns] = [
        Math.max(1, Math.round(scale * shape.height)),
        Math.max(1, Math.round(scale * shape.width)),
      ];
      const offset = {
        row: Math.floor(top * (shape.height - rows + 1)),
        column: Math.floor(left * (shape.width - columns + 1)),
      };
      return shrinking(shape, { rows, columns }, offset);
    },
  };
}

/** Scale invariance, SI (Lin et al., 2020, https://arxiv.org/abs/1908.06281): the gradients of x, x/2, x/4 … are averaged. */
export function scaleInvariant({ copies = 5 }: { readonly copies?: number } = {}): TransferTransform {
  return {
    type: "input",
    name: "SI",
    copies,
    map: (_shape, copy) => {
      const factor = 2 ** -copy;
      const scale = (from: Float32Array, to: Float32Array): void => {
        for (let i = 0; i < from.length; i++) to[i] = factor * from[i]!;
      };
      return { apply: scale, transpose: scale };
    },
  };
}

/**
 * Translation invariance, TI (Dong et al., 2019, https://arxiv.org/abs/1904.02884): the gradient is convolved with a Gaussian
 * of `size` pixels, three standard deviations from its middle to its edge as in the authors' code, which stands for an average
 * over shifted images.
 */
export function translationInvariant({ size = 15 }: { readonly size?: number } = {}): TransferTransform {
  const half = Math.floor(size / 2);
  const deviation = Math.max(half, 1) / 3;
  const weights = Float64Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-0.5 * ((i - half) / deviation) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kernel = weights.map((weight) => weight / total);
  return {
    type: "gradient",
    name: "TI",
    smooth(gradient, shape) {
      convolve(gradient, kernel, half, shape, "rows");
      convolve(gradient, kernel, half, shape, "columns");
    },
  };
}

/** Nesterov's look-ahead, NI (Lin et al., 2020, https://arxiv.org/abs/1908.06281). */
export function nesterov(): TransferTransform {
  return { type: "lookahead", name: "NI" };
}

/**
 * Variance tuning, VMI (Wang & He, 2021, https://arxiv.org/abs/2103.15571), with the authors' 20 neighbours within 1.5 epsilons.
 * Beside Nesterov's look-ahead it is VNI: the neighbours are still those of the point itself.
 */
export function varianceTuning({ neighbours = 20, range = 1.5 } = {}): TransferTransform {
  return { type: "variance", name: "VMI", neighbours, range };
}

interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** The image bilinearly shrunk to `size`, its corner at `offset`, and zero around it. */
function shrinking(
  shape: ImageShape,
  { rows, columns }: Size,
  offset: { readonly row: number; readonly column: number },
): LinearMap {
  const [down, across] = [taps(shape.height, rows), taps(shape.width, columns)];
  const visit = (each: (from: number, to: number, weight: number) => void): void => {
    for (let channel = 0; channel < shape.channels; channel++) {
      forEachPixel({ top: offset.row, left: offset.column, rows, columns }, shape, channel, (to, row, column) => {
        const base = channel * shape.channelStride;
        for (const [r, rowWeight] of down[row]!) {
          for (const [c, columnWeight] of across[column]!) {
            each(base + r * shape.rowStride + c * shape.columnStride, to, rowWeight * columnWeight);
          }
        }
      });
    }
  };
  return {
    apply(x, mapped) {
      mapped.fill(0);
      visit((from, to, weight) => {
        mapped[to]! += weight * x[from]!;
      });
    },
    transpose(gradient, back) {
      back.fill(0);
      visit((from, to, weight) => {
        back[from]! += weight * gradient[to]!;
      });
    },
  };
}

/** For each of `to` places, the two of `from` that it is interpolated from, pixel centres at halves. */
function taps(from: number, to: number): readonly (readonly (readonly [number, number])[])[] {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    const low = Math.floor(place);
    const share = place - low;
    return share === 0
      ? [[low, 1]]
      : [
          [low, 1 - share],
          [low + 1, share],
        ];
  });
}

/** Convolves the rows or the columns of each channel in place; outside of the image is zero. */
function convolve(
  values: Float32Array,
  kernel: Float64Array,
  half: number,
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  along: "rows" | "columns",
): void {
  const [lines, length] = along === "rows" ? [height, width] : [width, height];
  const [lineStride, stride] = along === "rows" ? [rowStride, columnStride] : [columnStride, rowStride];
  const line = new Float64Array(length);
  for (let channel = 0; channel < channels; channel++) {
    for (let n = 0; n < lines; n++) {
      const start = channel * channelStride + n * lineStride;
      for (let i = 0; i < length; i++) line[i] = values[start + i * stride]!;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = Math.max(0, i - half); k <= Math.min(length - 1, i + half); k++)
          sum += kernel[k - i + half]! * line[k]!;
        values[start + i * stride] = sum;
      }
    }
  }
}
