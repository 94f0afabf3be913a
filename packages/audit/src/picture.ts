import type { Tensor } from "@casemate/tensor";
import { encode } from "fast-png";

export interface PictureOptions {
  readonly layout: "NCHW" | "NHWC";
  /** What black and white are; 0 to 1 unless the contract says otherwise. */
  readonly range?: { readonly lower: number; readonly upper: number };
  /** Longest side in pixels; larger samples are averaged down, so that a report stays small. */
  readonly longestSide?: number;
}

/**
 * A sample ([channels, height, width] or [height, width, channels], with or without a batch axis of 1) as the data URL of a
 * PNG. A fourth channel is left out. Undefined where it has neither 1, 3 nor 4 channels.
 */
export function picture(
  sample: Tensor,
  { range = { lower: 0, upper: 1 }, ...options }: PictureOptions,
): string | undefined {
  const scale = 255 / (range.upper - range.lower);
  return png(sample, (value) => (value - range.lower) * scale, options);
}

/**
 * The difference of two samples around mid grey: brighter where `adversarial` is larger, darker where it is smaller.
 * `scale` is the change that black and white stand for, the largest there is.
 */
export function perturbationPicture(
  original: Tensor,
  adversarial: Tensor,
  options: Omit<PictureOptions, "range">,
): { readonly image: string | undefined; readonly scale: number } {
  const difference = adversarial.data.map((value, i) => value - original.data[i]!);
  const scale = difference.reduce((largest, change) => Math.max(largest, Math.abs(change)), 0);
  const toGrey = (change: number) => (scale === 0 ? 128 : 128 + (127 * change) / scale);
  return { image: png({ ...original, data: difference }, toGrey, options), scale };
}

function png(
  { shape, data }: Tensor,
  toByte: (value: number) => number,
  { layout, longestSide = 96 }: Omit<PictureOptions, "range">,
): string | undefined {
  const axes = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  const [channels = 0, height = 0, width = 0] = layout === "NCHW" ? axes : [axes[2], axes[0], axes[1]];
  if (axes.length !== 3 || (channels !== 1 && channels !== 3 && channels !== 4) || height * width === 0)
    return undefined;
  const at = (c: number, y: number, x: number) =>
    data[layout === "NCHW" ? (c * height + y) * width + x : (y * width + x) * channels + c]!;
  const shrink = Math.max(1, Math.ceil(Math.max(height, width) / longestSide));
  const rows = Math.ceil(height / shrink);
  const columns = Math.ceil(width / shrink);
  const shown = channels === 4 ? 3 : channels;
  const bytes = new Uint8Array(rows * columns * shown);
  for (let i = 0; i < bytes.length; i++) {
    const c = i % shown;
    const x = (Math.floor(i / shown) % columns) * shrink;
    const y = Math.floor(i / shown / columns) * shrink;
    bytes[i] = Math.round(
      Math.min(
        255,
        Math.max(
          0,
          toByte(boxMean((dy, dx) => at(c, y + dy, x + dx), Math.min(shrink, height - y), Math.min(shrink, width - x))),
        ),
      ),
    );
  }
  return `data:image/png;base64,${Buffer.from(encode({ width: columns, height: rows, data: bytes, channels: shown })).toString("base64")}`;
}

function boxMean(at: (dy: number, dx: number) => number, height: number, width: number): number {
  let sum = 0;
  for (let dy = 0; dy < height; dy++) for (let dx = 0; dx < width; dx++) sum += at(dy, dx);
  return sum / (height * width);
}
