/** Colours that a printer can make, in units of the input: each a number per channel. */
export type Palette = readonly (readonly number[])[];

/**
 * Non-printability score (Sharif et al., 2016, https://doi.org/10.1145/2976749.2978392): summed over texels, the product of the
 * distances to all printable colours, measured in shares of the range. Adds `weight` times its slope to `slopes` and returns
 * the score. Pattern and slopes are [channels, texels].
 */
export function nonPrintability(
  pattern: Float32Array,
  palette: Palette,
  ranges: ArrayLike<number>,
  slopes: Float64Array,
  weight = 1,
): number {
  const channels = ranges.length;
  const texels = pattern.length / channels;
  const distances = new Float64Array(palette.length);
  let score = 0;
  for (let texel = 0; texel < texels; texel++) {
    for (const [k, colour] of palette.entries()) {
      let squares = 0;
      for (let channel = 0; channel < channels; channel++) {
        squares += ((pattern[channel * texels + texel]! - colour[channel]!) / ranges[channel]!) ** 2;
      }
      distances[k] = Math.sqrt(squares);
    }
    score += distances.reduce((product, each) => product * each, 1);
    for (const [k, colour] of palette.entries()) {
      if (distances[k] === 0) continue; // a kink, at which nothing is to be gained
      let others = 1;
      for (let other = 0; other < palette.length; other++) if (other !== k) others *= distances[other]!;
      for (let channel = 0; channel < channels; channel++) {
        const i = channel * texels + texel;
        slopes[i]! += (weight * others * (pattern[i]! - colour[channel]!)) / (distances[k]! * ranges[channel]! ** 2);
      }
    }
  }
  return score;
}

/** Takes every texel to the nearest printable colour, in place. */
export function quantise(pattern: Float32Array, palette: Palette, ranges: ArrayLike<number>): void {
  const channels = ranges.length;
  const texels = pattern.length / channels;
  const distance = (texel: number, colour: readonly number[]): number => {
    let squares = 0;
    for (let channel = 0; channel < channels; channel++) {
      squares += ((pattern[channel * texels + texel]! - colour[channel]!) / ranges[channel]!) ** 2;
    }
    return squares;
  };
  for (let texel = 0; texel < texels; texel++) {
    let nearest = palette[0]!;
    for (const colour of palette) if (distance(texel, colour) < distance(texel, nearest)) nearest = colour;
    for (let channel = 0; channel < channels; channel++) pattern[channel * texels + texel] = nearest[channel]!;
  }
}

/**
 * Sum over neighbouring texels of their squared differences in shares of the range: what makes a pattern too fine to print or
 * photograph. Adds `weight` times its slope to `slopes` and returns the sum.
 */
export function roughness(
  pattern: Float32Array,
  { rows, columns }: Readonly<Record<"rows" | "columns", number>>,
  ranges: ArrayLike<number>,
  slopes: Float64Array,
  weight = 1,
): number {
  let sum = 0;
  const add = (i: number, j: number, range: number): void => {
    const difference = (pattern[i]! - pattern[j]!) / range;
    sum += difference * difference;
    slopes[i]! += (2 * weight * difference) / range;
    slopes[j]! -= (2 * weight * difference) / range;
  };
  for (let channel = 0; channel < ranges.length; channel++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const i = (channel * rows + row) * columns + column;
        if (column + 1 < columns) add(i, i + 1, ranges[channel]!);
        if (row + 1 < rows) add(i, i + columns, ranges[channel]!);
      }
    }
  }
  return sum;
}
