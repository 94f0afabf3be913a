import { AttackError } from "../errors.ts";
import { imageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import type { InputDefence, SampleView } from "./input-defence.ts";

const xuEtAl = { text: "Xu et al., 2018", url: "https://arxiv.org/abs/1704.01155" };

/** Feature squeezing: each feature is rounded to one of 2^bits values of its range. */
export function featureSqueezing({ bits = 8 }: { readonly bits?: number } = {}): InputDefence {
  const steps = Math.round(2 ** bits - 1);
  return {
    name: "Feature squeezing",
    citation: xuEtAl,
    apply: (x, { bounds: { lower, upper } }) =>
      x.map((value, j) => {
        const [low, high] = [valueAt(lower, j), valueAt(upper, j)];
        return low + (roundHalfToEven(((value - low) / (high - low)) * steps) / steps) * (high - low);
      }),
  };
}

/** Spatial smoothing: each pixel becomes the median of the window around it, the image mirrored beyond its edge. */
export function spatialSmoothing({ window = 3 }: { readonly window?: number } = {}): InputDefence {
  const before = Math.floor(window / 2);
  return {
    name: "Spatial smoothing",
    citation: xuEtAl,
    apply(x, view) {
      const { channels, height, width, channelStride, rowStride, columnStride } = requireImage(
        "Spatial smoothing",
        view,
      );
      const smoothed = new Float32Array(x.length);
      const around = new Float32Array(window * window);
      for (let channel = 0; channel < channels; channel++) {
        for (let row = 0; row < height; row++) {
          for (let column = 0; column < width; column++) {
            for (let i = 0; i < around.length; i++) {
              const r = mirrored(row - before + Math.floor(i / window), height);
              const c = mirrored(column - before + (i % window), width);
              around[i] = x[channel * channelStride + r * rowStride + c * columnStride]!;
            }
            around.sort();
            smoothed[channel * channelStride + row * rowStride + column * columnStride] = around[around.length >> 1]!;
          }
        }
      }
      return smoothed;
    },
  };
}

/** The image that a sample is. Throws an AttackError UNSUPPORTED_MODEL if it is none. */
export function requireImage(
  where: string,
  { inputShape, layout }: SampleView,
): NonNullable<ReturnType<typeof imageShape>> {
  const shape = imageShape({ inputShape, layout });
  if (shape) return shape;
  throw new AttackError("UNSUPPORTED_MODEL", `${where}: expected an image, got an input of [${inputShape}]`);
}

/** A position beyond the edge as its mirror image, the edge itself repeated. */
export function mirrored(position: number, length: number): number {
  const period = 2 * length;
  const inPeriod = ((position % period) + period) % period;
  return inPeriod < length ? inPeriod : period - 1 - inPeriod;
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
