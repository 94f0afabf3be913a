import { type Draw, fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";

/** How each image of a batch is changed anew, without a change of its class. */
export interface Augmentation {
  /** Moved by up to so many pixels up or down, and left or right; the pixels of its edge fill what becomes free. */
  readonly shift?: number;
  /** Turned over from left to right, every second time. */
  readonly flip?: boolean;
}

/**
 * The images, each moved and turned over at random (Krizhevsky et al., 2012, §4.1). `draw` gives the numbers of a row; images are
 * [n, channels, height, width] or, with `isLast`, [n, height, width, channels]. Throws INVALID_OPTION for what is no image, and for
 * a shift that is no whole number of pixels within it.
 */
export function augmented(
  x: Tensor,
  { shift = 0, flip = false }: Augmentation,
  draw: (row: number) => Draw,
  isLast = false,
): Tensor {
  if (x.shape.length !== 4)
    throw invalid(`expected images [n, channels, height, width] to move or turn over, got [${x.shape}]`);
  const [rows, first, second, third] = x.shape as readonly [number, number, number, number];
  const [height, width, channels] = isLast ? [first, second, third] : [second, third, first];
  if (!Number.isInteger(shift) || shift < 0 || shift >= Math.min(height, width))
    throw invalid(`shift: expected whole pixels from 0 to ${Math.min(height, width) - 1}, got ${shift}`);
  const [ofChannel, ofLine, ofPixel] = isLast ? [1, width * channels, channels] : [height * width, width, 1];
  const size = height * width * channels;
  const moved = new Float32Array(x.data.length);
  const within = (at: number, extent: number) => Math.min(extent - 1, Math.max(0, at));
  for (let row = 0; row < rows; row++) {
    const [across, down, side] = fillUniform(new Float32Array(3), draw(row)) as unknown as [number, number, number];
    const [dx, dy] = [across, down].map((share) => Math.floor(share * (2 * shift + 1)) - shift) as [number, number];
    const isTurned = flip && side < 0.5;
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const column = within(j + dx, width);
        const from = row * size + within(i + dy, height) * ofLine + (isTurned ? width - 1 - column : column) * ofPixel;
        const to = row * size + i * ofLine + j * ofPixel;
        for (let channel = 0; channel < channels; channel++)
          moved[to + channel * ofChannel] = x.data[from + channel * ofChannel]!;
      }
    }
  }
  return tensor(x.shape, moved);
}

function invalid(message: string): DefenseError {
  return new DefenseError("INVALID_OPTION", `augmentation: ${message}`);
}
