import { DefenseError } from "../errors.ts";
import { shuffled } from "../training/shuffle.ts";
import { streams } from "../training/streams.ts";
import { type LabelledSamples, rowsOf } from "../training/validate.ts";

export interface SplitCalibrationOptions {
  /** The part of the samples that sets the threshold, between 0 and 1. */
  readonly share?: number;
  readonly seed?: number;
}

/**
 * Clean samples to fit a detector on and others to set its threshold by, drawn by the seed: in the order of a file, which may
 * be sorted, the false-positive rate would not hold. Throws a DefenseError where either part would be empty.
 */
export function splitCalibration(
  data: LabelledSamples,
  { share = 0.5, seed = 0 }: SplitCalibrationOptions = {},
): { readonly fit: LabelledSamples; readonly calibration: LabelledSamples } {
  const count = data.labels.length;
  if (data.x.shape[0] !== count) {
    throw new DefenseError(
      "SHAPE_MISMATCH",
      `splitCalibration: expected a label for each sample, got ${count} for [${data.x.shape}]`,
    );
  }
  const held = Math.round(share * count);
  if (!(held >= 1 && held < count)) {
    throw new DefenseError(
      "INVALID_OPTION",
      `splitCalibration: expected a share that leaves samples in both parts, got ${share} of ${count}`,
    );
  }
  const order = shuffled(count, seed, streams.calibration, 0);
  return { fit: rowsOf(data, order.subarray(held).sort()), calibration: rowsOf(data, order.subarray(0, held).sort()) };
}
