import type { ImageShape } from "../image.ts";

/**
 * Blurs an image in place with a normal distribution of this standard deviation in pixels, cut off at three of them; what it
 * reaches beyond the edges counts as the pixel at the edge. With `transposed`, the transpose of that linear map, which takes
 * gradients back.
 */
export function cameraBlur(
  image: Float64Array,
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  deviation: number,
  transposed = false,
): void {
  if (deviation < SHARP) return;
  const reach = Math.ceil(3 * deviation);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - reach) / deviation) ** 2),
  );
  const sum = kernel.reduce((total, each) => total + each, 0);
  for (let i = 0; i < kernel.length; i++) kernel[i]! /= sum;
  const line = new Float64Array(Math.max(height, width));
  const smooth = (start: number, length: number, stride: number): void => {
    line.fill(0, 0, length);
    for (let i = 0; i < length; i++) {
      for (let k = 0; k < kernel.length; k++) {
        const j = Math.min(length - 1, Math.max(0, i + k - reach));
        if (transposed) line[j]! += kernel[k]! * image[start + i * stride]!;
        else line[i]! += kernel[k]! * image[start + j * stride]!;
      }
    }
    for (let i = 0; i < length; i++) image[start + i * stride] = line[i]!;
  };
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * channelStride;
    for (let row = 0; row < height; row++) smooth(start + row * rowStride, width, columnStride);
    for (let column = 0; column < width; column++) smooth(start + column * columnStride, height, rowStride);
  }
}

const SHARP = 0.1; // pixels; below it the neighbours weigh nothing
