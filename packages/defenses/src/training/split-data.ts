import { DefenseError } from "../errors.ts";
import { shuffled } from "./shuffle.ts";
import { streams } from "./streams.ts";
import { type LabelledSamples, rowsOf } from "./validate.ts";

/** Samples to train on and samples to choose the best epoch by: those given, or a tenth of the data, at most 1,000, by the seed. */
export function split(
  data: LabelledSamples,
  validation: LabelledSamples | undefined,
  seed: number,
): { training: LabelledSamples; validation: LabelledSamples; isHeldOut: boolean } {
  const count = data.labels.length;
  if (data.x.shape[0] !== count || count === 0) {
    throw new DefenseError(
      "SHAPE_MISMATCH",
      `data: expected a label for each sample, got ${count} for [${data.x.shape}]`,
    );
  }
  if (validation) return { training: data, validation, isHeldOut: false };
  if (count < 10) {
    throw new DefenseError(
      "INVALID_OPTION",
      `data: expected validation samples, or at least 10 to hold some out, got ${count}`,
    );
  }
  const order = shuffled(count, seed, streams.holdOut, 0);
  const held = Math.min(1000, Math.floor(count / 10));
  return {
    training: rowsOf(data, order.subarray(held).sort()),
    validation: rowsOf(data, order.subarray(0, held)),
    isHeldOut: true,
  };
}
