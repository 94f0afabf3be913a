/** What cosines are rounded to multiples of [64], at a quality from 1 to 100. */
export function jpegTables(quality: number): { readonly luminance: Float64Array; readonly chrominance: Float64Array } {
  return { luminance: scaled(LUMINANCE, quality), chrominance: scaled(CHROMINANCE, quality) };
}

/** The orthogonal basis B of the cosine transform of 8 numbers (T.81, A.3.3), row by row: what JPEG makes of a block is B X Bᵀ. */
export const COSINE_BASIS = Float64Array.from({ length: 64 }, (_, i) => {
  const [frequency, place] = [i >> 3, i & 7];
  return (frequency === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16);
});

/** JFIF's colours of a pixel from 0 to 255. */
export function toYCbCr([r, g, b]: readonly number[]): readonly number[] {
  return [
    0.299 * r! + 0.587 * g! + 0.114 * b!,
    128 - 0.168736 * r! - 0.331264 * g! + 0.5 * b!,
    128 + 0.5 * r! - 0.418688 * g! - 0.081312 * b!,
  ];
}

/** Its inverse. */
export function toRgb([y, cb, cr]: readonly number[]): readonly number[] {
  return [y! + 1.402 * (cr! - 128), y! - 0.344136 * (cb! - 128) - 0.714136 * (cr! - 128), y! + 1.772 * (cb! - 128)];
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
