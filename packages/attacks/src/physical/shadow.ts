import { fillNormal, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { ImageShape } from "../image.ts";
import { lossFor } from "../models/losses.ts";
import { valueAt } from "../threats/radii.ts";
import { sceneOf } from "./scene.ts";

export interface ShadowOptions {
  readonly steps?: number;
  readonly learningRate?: number;
  /** Weights of the penalties: for change between neighbouring pixels, for colour shift, for unlike channels. */
  readonly smoothness?: number;
  readonly colour?: number;
  readonly similarity?: number;
  /** Standard deviation of the noise, in shares of the range, under which a smoothed classifier is attacked; 0 for a plain one. */
  readonly deviation?: number;
  /** Noisy copies in a step, where there is noise. */
  readonly copies?: number;
}

/**
 * Shadow attack (Ghiasi et al., 2020, https://arxiv.org/abs/2003.08937): a large perturbation that looks like a shadow, since it
 * is smooth, little coloured and alike in all channels; such fool smoothed classifiers with large certificates. Not bounded by a
 * ball. Inputs are taken as shares of the range, so that the defaults, which are those of ART, fit any bounds. Only the last
 * iterate counts, the first ones being rough noise.
 */
export function shadow({
  steps = 300,
  learningRate = 0.1,
  smoothness = 0.3,
  colour = 1,
  similarity = 0.5,
  deviation = 0,
  copies = 400,
}: ShadowOptions = {}): Attack {
  return {
    name: "Shadow",
    access: "gradient",
    aim: "anywhere",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { steps, learningRate, smoothness, colour, similarity, deviation, copies },
    citation: { text: "Ghiasi et al., 2020", url: "https://arxiv.org/abs/2003.08937" },
    async *attempt(search) {
      const { model, width, origin } = search;
      const { shape, range } = sceneOf(model, "Shadow");
      const span = spanOf(range, shape, width);
      const delta = search.floats(); // in shares of the range
      const perSample = deviation > 0 ? copies : 1;
      for (let row = 0; row < search.active; row++) fillUniform(delta.row(row), search.draw(row, 0), -0.5, 0.5);
      for (let step = 1; step <= steps && search.active > 0; step++) {
        const rows = search.active;
        const owners = Array.from({ length: rows * perSample }, (_, i) => Math.floor(i / perSample));
        const points = new Float32Array(owners.length * width);
        for (const [i, row] of owners.entries()) {
          const point = points.subarray(i * width, (i + 1) * width);
          if (deviation > 0) fillNormal(point, search.draw(row, step, 1 + (i % perSample)));
          place(origin.row(row), delta.row(row), span, model.bounds, point, deviation);
        }
        const targets = Int32Array.from(owners, (row) => search.goal(row).target ?? 0);
        const isTargeted = search.goal(0).target !== undefined;
        const loss = lossFor("cross-entropy", model.classes, isTargeted);
        const { gradient } = await search.differentiateAt(points, owners, loss, isTargeted ? { targets } : {});
        for (let row = 0; row < rows; row++) {
          const slopes = new Float64Array(width);
          for (let i = row * perSample; i < (row + 1) * perSample; i++) {
            for (let j = 0; j < width; j++) slopes[j]! += (gradient[i * width + j]! * span[j]!) / perSample;
          }
          const change = delta.row(row);
          shadowPenalty(change, shape, { smoothness, colour, similarity }, slopes, -1);
          for (let j = 0; j < width; j++) change[j]! += learningRate * slopes[j]!;
        }
        search.dismiss();
        if (step === steps && search.active > 0) {
          for (let row = 0; row < search.active; row++) {
            place(origin.row(row), delta.row(row), span, model.bounds, search.x.row(row).fill(0), 0);
          }
          await search.evaluate();
        }
        yield { step, steps };
      }
    },
  };
}

/**
 * Sum of the three penalties of a perturbation; adds `sign` times its slope to `slopes`. Smoothness is the sum of squared
 * differences of neighbours; colour the squared length of the channels' mean magnitudes; similarity, of three channels, the
 * length over pixels of the summed squared differences between channels.
 */
export function shadowPenalty(
  delta: Float32Array,
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  weights: Readonly<Record<"smoothness" | "colour" | "similarity", number>>,
  slopes: Float64Array,
  sign = 1,
): number {
  const pixels = height * width;
  let penalty = 0;
  const compare = (i: number, j: number): void => {
    const difference = delta[i]! - delta[j]!;
    penalty += weights.smoothness * difference * difference;
    slopes[i]! += 2 * sign * weights.smoothness * difference;
    slopes[j]! -= 2 * sign * weights.smoothness * difference;
  };
  for (let channel = 0; channel < channels; channel++) {
    let magnitude = 0;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const i = channel * channelStride + row * rowStride + column * columnStride;
        magnitude += Math.abs(delta[i]!) / pixels;
        if (column + 1 < width) compare(i, i + columnStride);
        if (row + 1 < height) compare(i, i + rowStride);
      }
    }
    penalty += weights.colour * magnitude ** 2;
    for (let pixel = 0; pixel < pixels; pixel++) {
      const i = channel * channelStride + Math.floor(pixel / width) * rowStride + (pixel % width) * columnStride;
      slopes[i]! += (2 * sign * weights.colour * magnitude * Math.sign(delta[i]!)) / pixels;
    }
  }
  if (channels !== 3 || weights.similarity === 0) return penalty;
  const differences = new Float64Array(pixels);
  const at = (pixel: number) => Math.floor(pixel / width) * rowStride + (pixel % width) * columnStride;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [r, g, b] = [0, 1, 2].map((channel) => delta[at(pixel) + channel * channelStride]!) as [
      number,
      number,
      number,
    ];
    differences[pixel] = (r - g) ** 2 + (g - b) ** 2 + (r - b) ** 2;
  }
  const length = Math.sqrt(differences.reduce((sum, each) => sum + each * each, 0));
  penalty += weights.similarity * length;
  if (length === 0) return penalty;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const sum = [0, 1, 2].reduce((total, channel) => total + delta[at(pixel) + channel * channelStride]!, 0);
    for (let channel = 0; channel < 3; channel++) {
      const i = at(pixel) + channel * channelStride;
      slopes[i]! += (sign * weights.similarity * differences[pixel]! * 2 * (3 * delta[i]! - sum)) / length;
    }
  }
  return penalty;
}

/** point ← clip(origin + (delta + deviation · point) · span) */
function place(
  origin: Float32Array,
  delta: Float32Array,
  span: Float64Array,
  { lower, upper }: { readonly lower: number | Float32Array; readonly upper: number | Float32Array },
  point: Float32Array,
  deviation: number,
): void {
  for (let j = 0; j < point.length; j++) {
    const moved = origin[j]! + (delta[j]! + deviation * point[j]!) * span[j]!;
    point[j] = Math.min(valueAt(upper, j), Math.max(valueAt(lower, j), moved));
  }
}

function spanOf(
  { lower, upper }: { readonly lower: Float64Array; readonly upper: Float64Array },
  { channelStride, channels }: ImageShape,
  width: number,
): Float64Array {
  const channelOf = (j: number): number => {
    if (channels === 1) return 0;
    return channelStride === 1 ? j % channels : Math.floor(j / channelStride);
  };
  return Float64Array.from({ length: width }, (_, j) => upper[channelOf(j)]! - lower[channelOf(j)]!);
}
