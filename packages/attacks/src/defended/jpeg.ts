import { valueAt } from "../threats/radii.ts";
import type { InputDefence } from "./input-defence.ts";
import { COSINE_BASIS, jpegTables, toRgb, toYCbCr } from "./jpeg-tables.ts";
import { requireImage } from "./squeezing.ts";

/**
 * JPEG compression (Dziugaite et al., 2016, https://arxiv.org/abs/1608.00853): what coding and decoding at a quality from 1 to 100
 * leaves of a picture of one channel or three. Everything lossy is done as ITU T.81 and JFIF have it, without subsampling of
 * colours; the lossless rest is left out, since it changes nothing.
 */
export function jpegCompression({ quality = 50 }: { readonly quality?: number } = {}): InputDefence {
  const { luminance: luma, chrominance: chroma } = jpegTables(quality);
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
  const basis = (i: number, j: number) => (isForward ? COSINE_BASIS[8 * i + j]! : COSINE_BASIS[8 * j + i]!);
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

function byte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}
