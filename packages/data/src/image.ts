/** A decoded picture: rows of pixels, the channels of one pixel side by side. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 is grey, 3 is red, green, blue. */
  readonly channels: number;
  /** Bits of one number in `data`. */
  readonly depth: 8 | 16;
  readonly data: ArrayLike<number>;
}

/**
 * An image of another size by bilinear interpolation, as PyTorch's `interpolate(mode="bilinear", align_corners=False)`: pixel
 * centres stand at halves and nothing is smoothed beforehand. Results are not rounded.
 */
export function resizeBilinear(image: Image, width: number, height: number): Image {
  const { channels, depth } = image;
  if (image.width === width && image.height === height) return image;
  const columns = Array.from({ length: width }, (_, x) => between(x, image.width, width));
  const data = new Float32Array(width * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    const row = between(y, image.height, height);
    for (const column of columns) {
      for (let channel = 0; channel < channels; channel++) {
        const pixel = (r: number, c: number): number => image.data[(r * image.width + c) * channels + channel]!;
        const top = mix(pixel(row.from, column.from), pixel(row.from, column.to), column.share);
        const bottom = mix(pixel(row.to, column.from), pixel(row.to, column.to), column.share);
        data[at++] = mix(top, bottom, row.share);
      }
    }
  }
  return { width, height, channels, depth, data };
}

/** The two source pixels around a target pixel, and how far it stands from the first to the second. */
function between(target: number, sourceSize: number, targetSize: number): { from: number; to: number; share: number } {
  const position = Math.max(0, ((target + 0.5) * sourceSize) / targetSize - 0.5);
  const from = Math.min(Math.floor(position), sourceSize - 1);
  return { from, to: Math.min(from + 1, sourceSize - 1), share: position - from };
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
