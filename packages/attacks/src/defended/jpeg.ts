import { valueAt } from "../threats/radii.ts";
import type { InputDefence } from "./input-defence.ts";
import { requireImage } from "./squeezing.ts";

/**
 * JPEG compression (Dziugaite et al., 2016, https://arxiv.org/abs/1608.00853): what coding and decoding at a quality from 1 to 100
 * leaves of a picture of one channel or three. Everything lossy is done as ITU T.81 and JFIF have it, without subsampling of
 * colours; the lossless rest is left out, since it changes nothing.
 */
export function jpegCompression({ quality = 50 }: { readonly quality?: number } = {}): InputDefence {
  const [luma, chroma] = [LUMINANCE, CHROMINANCE].map((table) => scaled(table, quality)) as [
    Float64Array,
    Float64Array,
  ];
  return {
    name: "JPEG compression",
    citation: { text: "Dziugaite et al., 2016", url: "https://arxiv.org/abs/1608.00853" },
    apply(x, view) {
      const shape = requireImage("JPEG compression", view);
      const { channels, height, width, channelStride, rowStride, columnStride } = shape;
      const at = (channel: number, row: number, column: number) =>
        channel * channelStride + row * rowStride + column * columnStride;
      const { lower, upper } = view.bounds;
      const isColour = channels === 3;
      const planes = Array.from({ length: channels }, () => new Float64Array(height * width));
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const bytes = planes.map((_, channel) => {
            const j = at(channel, row, column);
            const low = valueAt(lower, j);
            return Math.round((255 * (x[j]! - low)) / (valueAt(upper, j) - low));
          });
          const values = isColour ? toYCbCr(bytes) : bytes;
          for (const [channel, plane] of planes.entries()) plane[row * width + column] = Math.round(values[channel]!);
        }
      }
      for (const [channel, plane] of planes.entries()) {
        quantize(plane, height, width, isColour && channel > 0 ? chroma : luma);
      }
      const decoded = new Float32Array(x.length);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const values = planes.map((plane) => plane[row * width + column]!);
          const bytes = isColour ? toRgb(values) : values;
          for (let channel = 0; channel < channels; channel++) {
            const j = at(channel, row, column);
            const low = valueAt(lower, j);
            decoded[j] = low + (byte(bytes[channel]!) / 255) * (valueAt(upper, j) - low);
          }
        }
      }
      return decoded;
    },
  };
}

/** Takes each block of 8 × 8 to cosines, rounds those by the table, and back, in place; edges are repeated to fill blocks. */
function quantize(plane: Float64Array, height: number, width: number, table: Float64Array): void {
  const block = new Float64Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++) {
        const row = Math.min(height - 1, top + (i >> 3));
        block[i] = plane[row * width + Math.min(width - 1, left + (i & 7))]! - 128;
      }
      const cosines = transformed(block, true);
      for (let i = 0; i < 64; i++) cosines[i] = Math.round(cosines[i]! / table[i]!) * table[i]!;
      const back = transformed(cosines, false);
      for (let i = 0; i < 64; i++) {
        const [row, column] = [top + (i >> 3), left + (i & 7)];
        if (row < height && column < width) plane[row * width + column] = byte(back[i]! + 128);
      }
    }
  }
}

/** The cosine transform of a block (T.81, A.3.3), or its inverse: B X Bᵀ with the orthogonal basis B. */
function transformed(block: Float64Array, isForward: boolean): Float64Array {
  const basis = (i: number, j: number) => (isForward ? COSINES[8 * i + j]! : COSINES[8 * j + i]!);
  const half = new Float64Array(64);
  const whole = new Float64Array(64);
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) for (let k = 0; k < 8; k++) half[8 * i + j]! += basis(i, k) * block[8 * k + j]!;
  }
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) for (let k = 0; k < 8; k++) whole[8 * i + j]! += half[8 * i + k]! * basis(j, k);
  }
  return whole;
}

const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [frequency, place] = [i >> 3, i & 7];
  return (frequency === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16);
});

function toYCbCr([r, g, b]: readonly number[]): readonly number[] {
  return [
    0.299 * r! + 0.587 * g! + 0.114 * b!,
    128 - 0.168736 * r! - 0.331264 * g! + 0.5 * b!,
    128 + 0.5 * r! - 0.418688 * g! - 0.081312 * b!,
  ];
}

function toRgb([y, cb, cr]: readonly number[]): readonly number[] {
  return [y! + 1.402 * (cr! - 128), y! - 0.344136 * (cb! - 128) - 0.714136 * (cr! - 128), y! + 1.772 * (cb! - 128)];
}

function byte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

/** A table of T.81 at a quality, as the Independent JPEG Group scales it. */
function scaled(table: readonly number[], quality: number): Float64Array {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return Float64Array.from(table, (each) => Math.min(255, Math.max(1, Math.floor((each * scale + 50) / 100))));
}

/** T.81, tables K.1 and K.2. */
const LUMINANCE = [
  [16, 11, 10, 16, 24, 40, 51, 61],
  [12, 12, 14, 19, 26, 58, 60, 55],
  [14, 13, 16, 24, 40, 57, 69, 56],
  [14, 17, 22, 29, 51, 87, 80, 62],
  [18, 22, 37, 56, 68, 109, 103, 77],
  [24, 35, 55, 64, 81, 104, 113, 92],
  [49, 64, 78, 87, 103, 121, 120, 101],
  [72, 92, 95, 98, 112, 100, 103, 99],
].flat();
const CHROMINANCE = [
  [17, 18, 24, 47, 99, 99, 99, 99],
  [18, 21, 26, 66, 99, 99, 99, 99],
  [24, 26, 56, 99, 99, 99, 99, 99],
  [47, 66, 99, 99, 99, 99, 99, 99],
  ...Array.from({ length: 4 }, () => Array.from({ length: 8 }, () => 99)),
].flat();
