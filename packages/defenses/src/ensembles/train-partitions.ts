import type { Model } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import { type TrainingEvent, train } from "../training/train.ts";
import type { TrainOptions } from "../training/train-options.ts";
import type { LabelledSamples } from "../training/validate.ts";
import { partition } from "./deep-partition-aggregation.ts";

export interface TrainPartitionsOptions extends Omit<TrainOptions, "timeLimit"> {
  /** Parts of the data, and models; 50 unless stated. */
  readonly parts?: number;
}

export type TrainPartitionsEvent =
  | { readonly type: "part-started"; readonly part: number; readonly parts: number; readonly samples: number }
  | { readonly type: "training"; readonly part: number; readonly event: TrainingEvent };

/** One model for each part, in the order of the parts. */
export interface TrainedPartitions {
  readonly models: readonly Model[];
  /** Samples of each part. */
  readonly sizes: readonly number[];
}

/**
 * Trains the models of deep partition aggregation (Levine & Feizi, 2021, https://arxiv.org/abs/2006.14768), each from `start`, or from
 * what `start` makes of its part, on its part alone, by a seed that its number gives. `validation` must be data that no attacker
 * reaches; without it, a part chooses its best epoch by its own samples. A part without samples keeps the weights that it would start
 * from. There is no time limit, since models would then depend on the clock; a signal ends in its reason, since fewer models would
 * certify nothing. Throws a DefenseError INVALID_OPTION
 * for a count of parts that makes no sense, and what `train` throws.
 */
export async function* trainPartitions(
  start: Model | ((samples: LabelledSamples) => Model),
  data: LabelledSamples,
  options: TrainPartitionsOptions,
): AsyncGenerator<TrainPartitionsEvent, TrainedPartitions> {
  const { parts: count = 50, seed = 0, checkpoint, signal, ...rest } = options;
  if (data.labels.length === 0 || data.x.shape[0] !== data.labels.length) {
    const got = `${data.labels.length} for [${data.x.shape}]`;
    throw new DefenseError("SHAPE_MISMATCH", `trainPartitions: expected a label for each sample, got ${got}`);
  }
  const parts = partition(data, count, seed);
  const models: Model[] = [];
  for (const [part, samples] of parts.entries()) {
    const model = typeof start === "function" ? start(samples) : start;
    signal?.throwIfAborted();
    yield { type: "part-started", part, parts: count, samples: samples.labels.length };
    if (samples.labels.length === 0) {
      models.push(model);
      continue;
    }
    const steps = train(model, samples, {
      validation: samples,
      ...rest,
      seed: seed + part,
      ...(signal && { signal }),
      ...(checkpoint && { checkpoint: { ...checkpoint, path: `${checkpoint.path}.part-${part}` } }),
    });
    let next = await steps.next();
    while (!next.done) {
      yield { type: "training", part, event: next.value };
      next = await steps.next();
    }
    signal?.throwIfAborted();
    models.push(next.value.model);
  }
  return { models, sizes: parts.map(({ labels }) => labels.length) };
}
