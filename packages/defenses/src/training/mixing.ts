import { type Draw, fillNormal, fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";

/** How samples of a batch are mixed in pairs. */
export interface Mixing {
  /**
   * "mixup" (Zhang et al., 2018, https://arxiv.org/abs/1710.09412) blends two samples; "cutmix" (Yun et al., 2019,
   * https://arxiv.org/abs/1905.04899) puts a rectangle of one image into the other.
   */
  readonly type: "mixup" | "cutmix";
  /** Both parameters of the beta distribution that shares are drawn from; 1 is uniform. */
  readonly alpha: number;
}

export interface MixedBatch {
  readonly x: Tensor;
  /** [n, classes] */
  readonly targets: Tensor;
}

/**
 * Mixes each row with the one that stands in its place when the batch is turned around by one. `draw` gives the numbers of a row;
 * images are [n, channels, height, width] or, with `isLast`, [n, height, width, channels].
 */
export function mixed(
  { x, targets }: MixedBatch,
  { type, alpha }: Mixing,
  draw: (row: number, purpose: number) => Draw,
  isLast = false,
): MixedBatch {
  if (!(alpha > 0)) throw new DefenseError("INVALID_OPTION", `${type}: expected an alpha above 0, got ${alpha}`);
  const rows = x.shape[0]!;
  const width = x.data.length / rows;
  const classes = targets.shape[1]!;
  const mixedX = tensor(x.shape, x.data.slice());
  const mixedTargets = tensor(targets.shape, targets.data.slice());
  for (let row = 0; row < rows; row++) {
    const other = (row + 1) % rows;
    let own = betaShare(alpha, (attempt) => draw(row, 2 * attempt));
    if (type === "mixup") {
      blend(mixedX.data, x.data, row * width, other * width, width, own);
    } else {
      own = paste(mixedX, x, row, other, own, fillUniform(new Float32Array(2), draw(row, 1)), isLast);
    }
    blend(mixedTargets.data, targets.data, row * classes, other * classes, classes, own);
  }
  return { x: mixedX, targets: mixedTargets };
}

function blend(
  into: Float32Array,
  from: Float32Array,
  start: number,
  other: number,
  width: number,
  share: number,
): void {
  for (let j = 0; j < width; j++) into[start + j] = share * from[start + j]! + (1 - share) * from[other + j]!;
}

/** Puts a rectangle of about 1 − share of the area into the row; returns the share that is left of it. */
function paste(
  into: Tensor,
  from: Tensor,
  row: number,
  other: number,
  share: number,
  [across, down]: Float32Array,
  isLast: boolean,
): number {
  if (from.shape.length !== 4) {
    throw new DefenseError(
      "INVALID_OPTION",
      `cutmix: expected images [n, channels, height, width], got [${from.shape}]`,
    );
  }
  const [, first, second, third] = from.shape as readonly [number, number, number, number];
  const [height, width, channels] = isLast ? [first, second, third] : [second, third, first];
  const side = Math.sqrt(1 - share);
  const span = (extent: number, at: number): readonly [number, number] => {
    const center = Math.floor(at * extent);
    const half = Math.floor((extent * side) / 2);
    return [Math.max(0, center - half), Math.min(extent, center + half)];
  };
  const [top, bottom] = span(height, down!);
  const [left, right] = span(width, across!);
  const size = height * width * channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const at = isLast ? (i * width + j) * channels + channel : (channel * height + i) * width + j;
        into.data[row * size + at] = from.data[other * size + at]!;
      }
    }
  }
  return 1 - ((bottom - top) * (right - left)) / (height * width);
}

/** A number drawn from Beta(alpha, alpha), as the share of two gamma numbers. */
function betaShare(alpha: number, draw: (attempt: number) => Draw): number {
  const first = gamma(alpha, (attempt) => draw(2 * attempt));
  const second = gamma(alpha, (attempt) => draw(2 * attempt + 1));
  return first + second > 0 ? first / (first + second) : 0.5;
}

/** A number drawn from Gamma(shape, 1) by Marsaglia & Tsang, 2000, https://doi.org/10.1145/358407.358414. */
function gamma(shape: number, draw: (attempt: number) => Draw): number {
  const lifted = shape < 1 ? shape + 1 : shape;
  const d = lifted - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; ; attempt++) {
    const key = draw(attempt);
    const [normal] = fillNormal(new Float32Array(2), key);
    const [uniform, boost] = fillUniform(new Float32Array(2), { ...key, stream: key.stream + 1 });
    const v = (1 + c * normal!) ** 3;
    if (v > 0 && Math.log(uniform! || 2 ** -25) < 0.5 * normal! ** 2 + d - d * v + d * Math.log(v)) {
      return d * v * (shape < 1 ? (boost! || 2 ** -25) ** (1 / shape) : 1);
    }
  }
}
