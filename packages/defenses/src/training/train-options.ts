import type { BallNorm, ClassifierOptions, ThreatOptions } from "@casemate/attacks";
import type { Optimizer } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import type { Augmentation } from "./augmentation.ts";
import type { Freezing } from "./freezing.ts";
import type { TrainingMethod } from "./method.ts";
import type { Mixing } from "./mixing.ts";
import { plainTraining } from "./plain-training.ts";
import type { ScheduleName } from "./schedule.ts";
import type { LabelledSamples } from "./validate.ts";

export interface TrainOptions {
  /** How the model is opened: bounds, and what its graph leaves open. */
  readonly classifier: ClassifierOptions;
  readonly method?: TrainingMethod;
  /** Times that samples are trained on; a method that replays batches goes through the data less often. */
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly optimizer?: Optimizer;
  /** The largest of the schedule. */
  readonly learningRate?: number;
  readonly schedule?: ScheduleName;
  /** Share of the training over which the learning rate rises from 0. */
  readonly warmUp?: number;
  /** The ball that the model is trained, and validated, against; none if absent. */
  readonly ball?: ThreatOptions & {
    readonly norm: BallNorm;
    readonly epsilon: number;
    /** What epsilon is multiplied by for each feature, where features have different units; 1 if absent. */
    readonly scale?: Float32Array;
  };
  /** Share of the training over which epsilon rises from 0; unless stated that of the method. */
  readonly ramp?: number;
  /** Probability that is spread evenly over all classes; 0 unless stated. */
  readonly labelSmoothing?: number;
  /** Of images, before they are mixed; none if absent. */
  readonly augmentation?: Augmentation;
  readonly mixing?: Mixing;
  /** Longest L2 norm of the gradient of all weights together. */
  readonly clip?: number;
  /** Decay of an average of the weights, which is then what is validated and returned; none if absent. */
  readonly averaging?: number;
  readonly freeze?: Freezing;
  /** Samples that choose the best epoch; a tenth of the training data, at most 1,000, is held out if absent. */
  readonly validation?: LabelledSamples;
  /** End after so many epochs without a better one. */
  readonly patience?: number;
  /** End in good order after so many seconds, those of earlier runs included. */
  readonly timeLimit?: number;
  readonly seed?: number;
  /** Where to write checkpoints: after each epoch, and within one when `everySeconds` have passed since the last. */
  readonly checkpoint?: {
    readonly path: string;
    readonly everySeconds?: number;
    readonly resume?: boolean;
    /** What else the numbers follow from, such as the options of the method: a run resumes only with the same. */
    readonly about?: string;
  };
  /** Ends in good order after the present step. */
  readonly signal?: AbortSignal;
}

/** Options with their defaults. */
export type Settings = ReturnType<typeof settled>;

/** Fills in the defaults. Throws a DefenseError INVALID_OPTION for a number that makes no sense. */
export function settled(options: TrainOptions) {
  const settings = {
    method: plainTraining(),
    epochs: 10,
    batchSize: 100,
    optimizer: { type: "adam" } as Optimizer,
    learningRate: 2e-3,
    schedule: "one-cycle" as ScheduleName,
    warmUp: 0,
    ball: { norm: "linf", epsilon: 0 } as NonNullable<TrainOptions["ball"]>,
    ramp: options.method?.ramp ?? 0,
    labelSmoothing: 0,
    patience: Number.POSITIVE_INFINITY,
    timeLimit: Number.POSITIVE_INFINITY,
    seed: 0,
    ...options,
  };
  const wrong = [
    ["epochs", settings.epochs, Number.isInteger(settings.epochs) && settings.epochs > 0, "a whole number from 1"],
    [
      "batchSize",
      settings.batchSize,
      Number.isInteger(settings.batchSize) && settings.batchSize > 0,
      "a whole number from 1",
    ],
    ["learningRate", settings.learningRate, settings.learningRate > 0, "a number above 0"],
    [
      "labelSmoothing",
      settings.labelSmoothing,
      settings.labelSmoothing >= 0 && settings.labelSmoothing < 1,
      "a share from 0 below 1",
    ],
    ["ramp", settings.ramp, settings.ramp >= 0 && settings.ramp <= 1, "a share from 0 to 1"],
    ["warmUp", settings.warmUp, settings.warmUp >= 0 && settings.warmUp < 1, "a share from 0 below 1"],
    [
      "epsilon",
      settings.ball.epsilon,
      settings.ball.epsilon >= 0 && Number.isFinite(settings.ball.epsilon),
      "a number from 0",
    ],
    [
      "averaging",
      settings.averaging ?? 0,
      (settings.averaging ?? 0) >= 0 && (settings.averaging ?? 0) < 1,
      "a decay from 0 below 1",
    ],
  ].find(([, , isRight]) => !isRight);
  if (wrong) throw new DefenseError("INVALID_OPTION", `${wrong[0]}: expected ${wrong[3]}, got ${wrong[1]}`);
  return { ...settings, epochs: Math.ceil(settings.epochs / (settings.method.replays ?? 1)) };
}
