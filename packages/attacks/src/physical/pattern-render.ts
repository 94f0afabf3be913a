import type { ImageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import { cameraBlur } from "./camera-blur.ts";
import { inverse, project } from "./homography.ts";
import { cornersOf, type View } from "./pattern-view.ts";
import type { Scene } from "./scene.ts";

/** What is printed: its size in texels, and where it is opaque [rows, columns], from 0 to 1. */
export interface PatternShape {
  readonly rows: number;
  readonly columns: number;
  readonly mask: Float32Array;
}

/** A view as a linear map: which texels each pixel of the image sees. */
export interface SeenPattern {
  readonly view: View;
  /** Pixels (row · width + column) that see any of it, and how much of what they see is pattern. */
  readonly pixels: readonly number[];
  readonly coverage: readonly number[];
  /** Where the texels of a pixel start; one entry more than there are pixels. */
  readonly starts: readonly number[];
  readonly texels: readonly number[];
  readonly weights: readonly number[];
}

/** Works out what the pixels see by bilinear sampling, of several points per pixel where texels are smaller than pixels. */
export function lookAt(view: View, { rows, columns, mask }: PatternShape, { height, width }: ImageShape): SeenPattern {
  const toPattern = inverse(view.toImage);
  const corners = cornersOf(rows, columns).map(([x, y]) => project(view.toImage, x, y));
  const samples = Math.min(MOST_SAMPLES, Math.max(1, Math.ceil(Math.sqrt((rows * columns) / areaOf(corners)))));
  const [left, right] = extent(corners, 0, width);
  const [top, bottom] = extent(corners, 1, height);
  const [pixels, coverage, starts, texels, weights] = [
    [] as number[],
    [] as number[],
    [0],
    [] as number[],
    [] as number[],
  ];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      let covered = 0;
      for (let sample = 0; sample < samples * samples; sample++) {
        const x = column + ((sample % samples) + 0.5) / samples;
        const y = row + (Math.floor(sample / samples) + 0.5) / samples;
        if (toPattern[6]! * x + toPattern[7]! * y + toPattern[8]! <= 0) continue; // behind the camera
        const [u, v] = project(toPattern, x, y);
        const [column0, row0] = [Math.floor(u - 0.5), Math.floor(v - 0.5)];
        const [du, dv] = [u - 0.5 - column0, v - 0.5 - row0];
        for (let corner = 0; corner < 4; corner++) {
          const [r, c] = [row0 + (corner >> 1), column0 + (corner & 1)];
          if (r < 0 || r >= rows || c < 0 || c >= columns) continue;
          const share = (corner >> 1 ? dv : 1 - dv) * (corner & 1 ? du : 1 - du) * mask[r * columns + c]!;
          if (share <= 0) continue;
          const weight = share / (samples * samples);
          texels.push(r * columns + c);
          weights.push(weight);
          covered += weight;
        }
      }
      if (covered === 0) continue;
      pixels.push(row * width + column);
      coverage.push(covered);
      starts.push(texels.length);
    }
  }
  return { view, pixels, coverage, starts, texels, weights };
}

/**
 * Puts a pattern [channels, rows, columns] into an image: light and contrast change what is printed, the camera blurs the whole,
 * and what leaves the bounds is clipped. Writes to `target` in the layout of the image; returns where it was clipped, for `passBack`.
 */
export function show(
  seen: SeenPattern,
  pattern: Float32Array,
  image: Float32Array,
  target: Float32Array,
  { shape, range, bounds }: Scene,
): Uint8Array {
  const { view, pixels, coverage, starts, texels, weights } = seen;
  const { channels, width, channelStride, rowStride, columnStride } = shape;
  const size = pattern.length / channels;
  const exposed = Float64Array.from(image);
  for (let channel = 0; channel < channels; channel++) {
    const [low, high] = [range.lower[channel]!, range.upper[channel]!];
    const middle = (low + high) / 2;
    const constant = middle - view.gain * middle + view.offset * (high - low);
    for (let k = 0; k < pixels.length; k++) {
      let sum = 0;
      for (let i = starts[k]!; i < starts[k + 1]!; i++) sum += weights[i]! * pattern[channel * size + texels[i]!]!;
      const pixel = pixels[k]!;
      const feature = channel * channelStride + Math.floor(pixel / width) * rowStride + (pixel % width) * columnStride;
      exposed[feature] = (1 - coverage[k]!) * exposed[feature]! + view.gain * sum + coverage[k]! * constant;
    }
  }
  cameraBlur(exposed, shape, view.blur);
  const clipped = new Uint8Array(exposed.length);
  for (let j = 0; j < exposed.length; j++) {
    const [low, high] = [valueAt(bounds.lower, j), valueAt(bounds.upper, j)];
    clipped[j] = exposed[j]! < low || exposed[j]! > high ? 1 : 0;
    target[j] = Math.min(high, Math.max(low, exposed[j]!));
  }
  return clipped;
}

/** Adds to `slopes` [channels, rows, columns] what a gradient with respect to the shown image says about the pattern. */
export function passBack(
  { view, pixels, starts, texels, weights }: SeenPattern,
  gradient: Float32Array,
  clipped: Uint8Array,
  slopes: Float64Array,
  shape: ImageShape,
): void {
  const { channels, width, channelStride, rowStride, columnStride } = shape;
  const size = slopes.length / channels;
  const passed = Float64Array.from(gradient, (slope, j) => (clipped[j] ? 0 : slope));
  cameraBlur(passed, shape, view.blur, true);
  for (let channel = 0; channel < channels; channel++) {
    for (let k = 0; k < pixels.length; k++) {
      const pixel = pixels[k]!;
      const feature = channel * channelStride + Math.floor(pixel / width) * rowStride + (pixel % width) * columnStride;
      const slope = view.gain * passed[feature]!;
      for (let i = starts[k]!; i < starts[k + 1]!; i++) slopes[channel * size + texels[i]!]! += slope * weights[i]!;
    }
  }
}

const MOST_SAMPLES = 4; // per pixel and axis

function areaOf(corners: readonly (readonly [number, number])[]): number {
  let area = 0;
  for (const [i, [x, y]] of corners.entries()) {
    const [nextX, nextY] = corners[(i + 1) % corners.length]!;
    area += (x * nextY - nextX * y) / 2;
  }
  return Math.max(1, Math.abs(area));
}

/** The pixels that the corners span along an axis, with one more for what bilinear sampling reaches. */
function extent(
  corners: readonly (readonly [number, number])[],
  axis: 0 | 1,
  length: number,
): readonly [number, number] {
  const places = corners.map((corner) => corner[axis]);
  return [Math.max(0, Math.floor(Math.min(...places)) - 1), Math.min(length, Math.ceil(Math.max(...places)) + 1)];
}
