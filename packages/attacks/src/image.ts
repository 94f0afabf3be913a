import type { Classifier } from "./models/classifier.ts";

/** How the features of a sample lie in an image. */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Distance in features from a channel, row or column to the next. */
  readonly channelStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The image that a sample is: of rank 3 as the model's layout says, of rank 2 with one channel; undefined for anything else. */
export function imageShape({
  inputShape,
  layout = "channels-first",
}: Pick<Classifier, "inputShape" | "layout">): ImageShape | undefined {
  const [a, b, c] = inputShape as readonly [number, number, number];
  if (inputShape.length === 2) {
    return { channels: 1, height: a, width: b, channelStride: a * b, rowStride: b, columnStride: 1 };
  }
  if (inputShape.length !== 3) return undefined;
  return layout === "channels-first"
    ? { channels: a, height: b, width: c, channelStride: b * c, rowStride: c, columnStride: 1 }
    : { channels: c, height: a, width: b, channelStride: 1, rowStride: b * c, columnStride: c };
}

/** Features that are no image, as one row of pixels. */
export function flatShape(features: number): ImageShape {
  return { channels: 1, height: 1, width: features, channelStride: features, rowStride: features, columnStride: 1 };
}

/** A rectangle of an image. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

/** Calls `visit` with each feature of one channel of a window, and where it is in the window. */
export function forEachPixel(
  { top, left, rows, columns }: Window,
  { channelStride, rowStride, columnStride }: ImageShape,
  channel: number,
  visit: (feature: number, row: number, column: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    const start = channel * channelStride + (top + row) * rowStride + left * columnStride;
    for (let column = 0; column < columns; column++) visit(start + column * columnStride, row, column);
  }
}
