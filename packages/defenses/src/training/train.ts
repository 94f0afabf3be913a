import { constantsAsInitializers, type Model } from "@casemate/onnx";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { split } from "./split-data.ts";
import { settled, type TrainOptions } from "./train-options.ts";
import { type EpochReport, openTraining } from "./training-session.ts";
import type { LabelledSamples } from "./validate.ts";

/**
 * Trains any ONNX classifier: returns it with other numbers, the same inputs and outputs. The order of the samples and all
 * draws follow from the seed, so a training that is resumed from a checkpoint ends with the same bits. The best epoch is the
 * one with the highest certified accuracy, where the method trains for certificates, then robust, then clean accuracy, on the
 * validation samples, of those after the ramp. A method that replays its batches has its epochs divided by the replays, rounded up. Throws
 * a DefenseError, and OnnxError or AttackError for models that cannot be trained.
 */
export async function* train(
  given: Model,
  data: LabelledSamples,
  options: TrainOptions,
): AsyncGenerator<TrainingEvent, TrainingResult> {
  const model = constantsAsInitializers(given);
  const settings = settled(options);
  const { training, validation, isHeldOut } = split(data, options.validation, settings.seed);
  const session = await openTraining(model, training, settings);
  try {
    const { checkpoint } = settings;
    const fingerprint = fingerprintOf(model, data, validation, options);
    const found = checkpoint?.resume ? await readCheckpoint(checkpoint.path, fingerprint) : undefined;
    if (found) session.restore(found);
    const stepsPerEpoch = Math.ceil(training.labels.length / settings.batchSize);
    const steps = settings.epochs * stepsPerEpoch;
    yield {
      type: "started",
      samples: training.labels.length,
      validationSamples: validation.labels.length,
      isHeldOut,
      epochs: settings.epochs,
      replays: settings.method.replays ?? 1,
      stepsPerEpoch,
      parameters: session.parameters,
      resumedAt: session.position.step,
    };
    const startedAt = performance.now();
    const before = session.position.seconds;
    const seconds = () => before + (performance.now() - startedAt) / 1000;
    const save = async () => {
      if (checkpoint) await writeCheckpoint(checkpoint.path, session.checkpoint(fingerprint, seconds()));
    };
    let savedAt = performance.now();
    const resumedAt = session.position.step;
    let endedBy: TrainingResult["endedBy"] = "epochs";
    while (session.position.step < steps) {
      await session.step(steps, stepsPerEpoch);
      const { step, lossSum, lossCount } = session.position;
      const epoch = Math.ceil(step / stepsPerEpoch);
      const each = (seconds() - before) / (step - resumedAt);
      yield { type: "progress", epoch, step, steps, loss: lossSum / lossCount, secondsLeft: each * (steps - step) };
      const isOver = settings.signal?.aborted ? "interruption" : seconds() >= settings.timeLimit ? "time" : undefined;
      if (step % stepsPerEpoch === 0 || isOver === "time") {
        const { isBest, report } = await session.finishEpoch(validation, epoch, step / steps, seconds());
        yield { type: "epoch-finished", isBest, ...report };
        await save();
        savedAt = performance.now();
        if (epoch - session.position.bestEpoch >= settings.patience) endedBy = "patience";
      } else if (isOver || performance.now() - savedAt >= 1000 * (checkpoint?.everySeconds ?? 30)) {
        await save();
        savedAt = performance.now();
      }
      if (isOver) endedBy = isOver;
      if (endedBy !== "epochs") break;
      await new Promise(setImmediate); // signals and timers have their turn
    }
    const { bestEpoch } = session.position;
    const { epochs } = settings;
    return { model: session.best(), history: session.history, epochs, bestEpoch, endedBy, seconds: seconds() };
  } finally {
    await session.dispose();
  }
}

export type TrainingEvent =
  | {
      readonly type: "started";
      readonly samples: number;
      readonly validationSamples: number;
      /** Whether those were taken from the training data. */
      readonly isHeldOut: boolean;
      /** Times that the loop goes through the data: those asked for, divided by the replays. */
      readonly epochs: number;
      /** How often each step takes its batch. */
      readonly replays: number;
      readonly stepsPerEpoch: number;
      /** Numbers that are trained. */
      readonly parameters: number;
      /** Steps that a checkpoint had taken already. */
      readonly resumedAt: number;
    }
  | {
      readonly type: "progress";
      readonly epoch: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly secondsLeft: number;
    }
  | ({ readonly type: "epoch-finished"; readonly isBest: boolean } & EpochReport);

export interface TrainingResult {
  /** The model that came in, with the weights of the best epoch; weights that stood in nodes are initializers now. */
  readonly model: Model;
  readonly history: readonly EpochReport[];
  /** Times through the data that were planned: those asked for, divided by the replays of the method. */
  readonly epochs: number;
  readonly bestEpoch: number;
  readonly endedBy: "epochs" | "patience" | "time" | "interruption";
  readonly seconds: number;
}
