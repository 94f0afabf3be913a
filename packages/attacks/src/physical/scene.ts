import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import type { Bounds, Classifier } from "../models/classifier.ts";
import { valueAt } from "../threats/radii.ts";

/** What the images of a model have in common. */
export interface Scene {
  readonly shape: ImageShape;
  readonly range: ChannelRange;
  readonly bounds: Bounds;
}

/** The least and largest value of each channel. */
export interface ChannelRange {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/** The image and range of a model. Throws an AttackError for what is no image or has no range. */
export function sceneOf(model: Classifier, name: string): Scene {
  const shape = imageShape(model);
  if (!shape)
    throw new AttackError("UNSUPPORTED_MODEL", `${name}: expected images, got inputs of [${model.inputShape}]`);
  const { channels, height, width, channelStride, rowStride, columnStride } = shape;
  const lower = new Float64Array(channels).fill(Infinity);
  const upper = new Float64Array(channels).fill(-Infinity);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < height * width; pixel++) {
      const feature = channel * channelStride + Math.floor(pixel / width) * rowStride + (pixel % width) * columnStride;
      lower[channel] = Math.min(lower[channel]!, valueAt(model.bounds.lower, feature));
      upper[channel] = Math.max(upper[channel]!, valueAt(model.bounds.upper, feature));
    }
    if (!(Number.isFinite(upper[channel]! - lower[channel]!) && upper[channel]! > lower[channel]!)) {
      throw new AttackError(
        "UNSUPPORTED_MODEL",
        `${name}: expected finite bounds, got [${lower[channel]}, ${upper[channel]}]`,
      );
    }
  }
  return { shape, range: { lower, upper }, bounds: model.bounds };
}

/** The middle of the range everywhere: [channels, texels]. */
export function greyPattern(
  { range, shape }: { range: ChannelRange; shape: ImageShape },
  texels: number,
): Float32Array {
  const middle = (i: number) => (range.lower[Math.floor(i / texels)]! + range.upper[Math.floor(i / texels)]!) / 2;
  return Float32Array.from({ length: shape.channels * texels }, (_, i) => middle(i));
}
