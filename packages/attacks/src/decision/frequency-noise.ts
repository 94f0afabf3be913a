import { type Draw, fillNormal } from "@casemate/tensor";
import { type ImageShape, imageShape } from "../image.ts";
import type { Classifier } from "../models/classifier.ts";

/** Fills a sample with noise. */
export type FillNoise = (target: Float32Array, draw: Draw) => void;

/**
 * Normal noise of the lowest `frequencies` of the discrete cosine transform along each side of an image, in each channel; plain
 * normal noise where inputs are no images.
 */
export function frequencyNoise(model: Classifier, frequencies?: number): FillNoise {
  const shape = imageShape(model);
  if (!shape) return fillNormal;
  const most = frequencies ?? Math.ceil(Math.max(shape.height, shape.width) * SHARE_OF_FREQUENCIES);
  const down = cosines(shape.height, Math.min(most, shape.height));
  const across = cosines(shape.width, Math.min(most, shape.width));
  const coefficients = new Float32Array(shape.channels * down.length * across.length);
  const half = new Float64Array(shape.width);
  return (target, draw) => {
    fillNormal(coefficients, draw);
    target.fill(0);
    for (let channel = 0; channel < shape.channels; channel++) {
      for (const [u, cosine] of down.entries()) {
        const first = (channel * down.length + u) * across.length;
        half.fill(0);
        for (const [v, wave] of across.entries()) {
          const coefficient = coefficients[first + v]!;
          for (let column = 0; column < half.length; column++) half[column]! += coefficient * wave[column]!;
        }
        addOuterProduct(target, channel * shape.channelStride, shape, cosine, half);
      }
    }
  };
}

function addOuterProduct(
  target: Float32Array,
  start: number,
  { height, width, rowStride, columnStride }: ImageShape,
  down: Float64Array,
  across: Float64Array,
): void {
  for (let row = 0; row < height; row++) {
    const factor = down[row]!;
    for (let column = 0, i = start + row * rowStride; column < width; column++, i += columnStride) {
      target[i]! += factor * across[column]!;
    }
  }
}

/** The first cosines of the orthonormal transform (DCT-II) of so many pixels. */
function cosines(length: number, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, frequency) => {
    const scale = Math.sqrt((frequency === 0 ? 1 : 2) / length);
    return Float64Array.from(
      { length },
      (_, i) => scale * Math.cos(((2 * i + 1) * frequency * Math.PI) / (2 * length)),
    );
  });
}

/** GeoDA's authors take 75 of 224. */
const SHARE_OF_FREQUENCIES = 75 / 224;
