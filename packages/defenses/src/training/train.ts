import { createHash } from "node:crypto";
import {
  type BallNorm,
  type ClassifierOptions,
  forwardModel,
  type OnnxClassifier,
  openClassifier,
  type Threat,
  type ThreatOptions,
  threats,
} from "@casemate/attacks";
import { type Model, type Optimizer, openTrainer, type Trainer, withWeights } from "@casemate/onnx";
import { type AnyTensor, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { moveAverage } from "./averaging.ts";
import { type Checkpoint, type Position, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { type Freezing, unfrozen } from "./freezing.ts";
import type { Batch, TrainingMethod, TrainingState } from "./method.ts";
import { type Mixing, mixed } from "./mixing.ts";
import { plainTraining } from "./plain-training.ts";
import { learningRateAt, type ScheduleName } from "./schedule.ts";
import { shuffled } from "./shuffle.ts";
import { streams } from "./streams.ts";
import { type LabelledSamples, rowsOf, type Validation, validate } from "./validate.ts";

export interface TrainOptions {
  /** How the model is opened: bounds, and what its graph leaves open. */
  readonly classifier: ClassifierOptions;
  readonly method?: TrainingMethod;
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
  /** Share of the training over which epsilon rises from 0. */
  readonly ramp?: number;
  /** Probability that is spread evenly over all classes; 0 unless stated. */
  readonly labelSmoothing?: number;
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

export type TrainingEvent =
  | {
      readonly type: "started";
      readonly samples: number;
      readonly validationSamples: number;
      /** Whether those were taken from the training data. */
      readonly isHeldOut: boolean;
      readonly epochs: number;
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

export interface EpochReport extends Validation {
  /** From 1. */
  readonly epoch: number;
  /** Mean of the method's loss over the epoch. */
  readonly loss: number;
  readonly learningRate: number;
  /** What the method trained against at the end of the epoch. */
  readonly epsilon: number;
  readonly seconds: number;
}

export interface TrainingResult {
  /** The model that came in, with the weights of the best epoch. */
  readonly model: Model;
  readonly history: readonly EpochReport[];
  readonly bestEpoch: number;
  readonly endedBy: "epochs" | "patience" | "time" | "interruption";
  readonly seconds: number;
}

/**
 * Trains any ONNX classifier: returns it with other numbers, the same inputs and outputs. The order of the samples and all
 * draws follow from the seed, so a training that is resumed from a checkpoint ends with the same bits. The best epoch is the
 * one with the highest robust accuracy, then clean accuracy, on the validation samples, of those after the ramp. Throws a DefenseError, and
 * OnnxError or AttackError for models that cannot be trained.
 */
export async function* train(
  model: Model,
  data: LabelledSamples,
  options: TrainOptions,
): AsyncGenerator<TrainingEvent, TrainingResult> {
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
    return { model: session.best(), history: session.history, bestEpoch, endedBy, seconds: seconds() };
  } finally {
    await session.dispose();
  }
}

type Settings = ReturnType<typeof settled>;

function settled(options: TrainOptions) {
  const settings = {
    method: plainTraining(),
    epochs: 10,
    batchSize: 100,
    optimizer: { type: "adam" } as Optimizer,
    learningRate: 2e-3,
    schedule: "one-cycle" as ScheduleName,
    warmUp: 0,
    ball: { norm: "linf", epsilon: 0 } as NonNullable<TrainOptions["ball"]>,
    ramp: 0,
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
  return settings;
}

function split(
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

async function openTraining(model: Model, data: LabelledSamples, settings: Settings): Promise<TrainingSession> {
  const keep = [...model.graph.initializers.keys()];
  const forward = await forwardModel(model, settings.classifier, keep);
  if (forward.fixedBatch !== undefined) {
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `model: expected a batch of any size, got one fixed at ${forward.fixedBatch}`,
    );
  }
  const { method, optimizer, clip } = settings;
  const trained = (await method.graph?.(forward.model)) ?? forward.model;
  const trainable = unfrozen(forward.model.graph, settings.freeze ?? {}).filter((name) =>
    model.graph.initializers.has(name),
  );
  const probe = await openClassifier(model, settings.classifier);
  const { classes } = probe;
  await probe.dispose();
  refuseForeignLabels(data.labels, classes);
  const trainer = await openTrainer(trained, {
    loss: method.loss(classes),
    optimizer,
    trainable,
    ...(clip !== undefined && { clip }),
    ...(method.needsInputGradient && { wrt: [forward.input.name] }),
    seed: settings.seed,
  });
  const classifier = await openClassifier(model, { ...settings.classifier, weights: trainer.weights });
  return new TrainingSession(model, data, settings, trainer, classifier, forward.input.name);
}

function refuseForeignLabels(labels: Int32Array, classes: number): void {
  const foreign = labels.find((label) => label < 0 || label >= classes);
  if (foreign === undefined) return;
  throw new DefenseError("SHAPE_MISMATCH", `data: expected labels from 0 to ${classes - 1}, got ${foreign}`);
}

/** What changes while a model is trained. */
class TrainingSession {
  position: Position = { step: 0, lossSum: 0, lossCount: 0, bestEpoch: 0, seconds: 0 };
  history: EpochReport[] = [];
  readonly #model: Model;
  readonly #data: LabelledSamples;
  readonly #settings: Settings;
  readonly #trainer: Trainer;
  readonly #classifier: OnnxClassifier;
  readonly #input: string;
  readonly #average = new Map<string, Tensor>();
  readonly #memory = new Map<string, Tensor>();
  #best: ReadonlyMap<string, Tensor> = new Map();

  constructor(
    model: Model,
    data: LabelledSamples,
    settings: Settings,
    trainer: Trainer,
    classifier: OnnxClassifier,
    input: string,
  ) {
    this.#model = model;
    this.#data = data;
    this.#settings = settings;
    this.#trainer = trainer;
    this.#classifier = classifier;
    this.#input = input;
  }

  get parameters(): number {
    return [...this.#trainer.weights.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }

  /** One batch. */
  async step(steps: number, stepsPerEpoch: number): Promise<void> {
    const { method, averaging, ...settings } = this.#settings;
    const { step } = this.position;
    const order = shuffled(this.#data.labels.length, settings.seed, streams.shuffle, Math.floor(step / stepsPerEpoch));
    const start = (step % stepsPerEpoch) * settings.batchSize;
    const batch = this.#batchOf(order.subarray(start, start + settings.batchSize), step);
    const progress = step / steps;
    const state: TrainingState = {
      trainer: this.#trainer,
      classifier: this.#classifier,
      input: this.#input,
      threat: this.#threatAt(progress),
      rate: learningRateAt((step + 0.5) / steps, settings),
      progress,
      memory: this.#memory,
    };
    const losses = await method.step(batch, state);
    const sum = losses.reduce((total, loss) => total + loss, 0);
    if (!Number.isFinite(sum)) {
      throw new DefenseError(
        "UNSUPPORTED_MODEL",
        `step ${step + 1}: expected a finite loss, got ${sum}; try a lower learning rate, or clip`,
      );
    }
    if (averaging !== undefined) moveAverage(this.#average, this.#trainer.weights, averaging);
    const { position } = this;
    this.position = {
      ...position,
      step: step + 1,
      lossSum: position.lossSum + sum,
      lossCount: position.lossCount + losses.length,
    };
  }

  /** Validates, and keeps the weights if they are the best so far. */
  async finishEpoch(
    validation: LabelledSamples,
    epoch: number,
    progress: number,
    seconds: number,
  ): Promise<{ isBest: boolean; report: EpochReport }> {
    const { averaging, ball, seed } = this.#settings;
    const weights = averaging === undefined ? this.#trainer.weights : this.#average;
    const classifier =
      averaging === undefined
        ? this.#classifier
        : await openClassifier(this.#model, { ...this.#settings.classifier, weights });
    let counts: Validation;
    try {
      counts = await validate(classifier, validation, ball.epsilon > 0 ? this.#threatAt(1) : undefined, seed);
    } finally {
      if (classifier !== this.#classifier) await classifier.dispose();
    }
    const { lossSum, lossCount } = this.position;
    const report: EpochReport = {
      epoch,
      loss: lossSum / lossCount,
      ...counts,
      learningRate: learningRateAt(progress, this.#settings),
      epsilon: ball.epsilon * this.#ramped(progress),
      seconds,
    };
    const isBest = this.history.every((earlier) => isBetter(report, earlier));
    this.history = [...this.history, report];
    if (isBest)
      this.#best = new Map([...weights].map(([name, { shape, data }]) => [name, tensor(shape, data.slice())]));
    this.position = { ...this.position, lossSum: 0, lossCount: 0, bestEpoch: isBest ? epoch : this.position.bestEpoch };
    return { isBest, report };
  }

  /** The model with the weights of the best epoch; before the end of the first, with those of this moment. */
  best(): Model {
    return withWeights(this.#model, this.#best.size > 0 ? this.#best : this.#trainer.weights);
  }

  checkpoint(fingerprint: string, seconds: number): Checkpoint {
    return {
      fingerprint,
      position: { ...this.position, seconds },
      history: this.history,
      state: this.#trainer.state,
      average: this.#average,
      memory: this.#memory,
      best: this.#best,
    };
  }

  restore({ position, history, state, average, memory, best }: Checkpoint): void {
    this.position = position;
    this.history = [...history];
    this.#trainer.load(state);
    for (const [name, value] of average) this.#average.set(name, value);
    for (const [name, value] of memory) this.#memory.set(name, value);
    this.#best = best;
  }

  async dispose(): Promise<void> {
    await this.#trainer.dispose();
    await this.#classifier.dispose();
  }

  #batchOf(rows: Uint32Array, step: number): Batch {
    const { seed, labelSmoothing, mixing, classifier } = this.#settings;
    const { x, labels } = rowsOf(this.#data, rows);
    const { classes } = this.#classifier;
    const targets = tensor(
      [rows.length, classes],
      new Float32Array(rows.length * classes).fill(labelSmoothing / classes),
    );
    for (const [row, label] of labels.entries()) targets.data[row * classes + label]! += 1 - labelSmoothing;
    const draw = (row: number, purpose: number) => ({
      seed,
      stream: streams.method + purpose,
      sample: rows[row]!,
      step,
    });
    if (!mixing) return { x, labels, targets, draw };
    const mixDraw = (row: number, purpose: number) => ({
      seed,
      stream: streams.mix + 256 * purpose,
      sample: rows[row]!,
      step,
    });
    const blended = mixed({ x, targets }, mixing, mixDraw, classifier.layout === "channels-last");
    return { ...blended, labels: largestOf(blended.targets), draw };
  }

  #threatAt(progress: number): Threat {
    const { norm, epsilon, scale, ...rest } = this.#settings.ball;
    const radius = epsilon * this.#ramped(progress);
    return threats[norm](scale ? scale.map((each) => radius * each) : radius, rest);
  }

  #ramped(progress: number): number {
    const { ramp } = this.#settings;
    return progress < ramp ? progress / ramp : 1;
  }
}

function isBetter(report: EpochReport, other: EpochReport): boolean {
  if (report.epsilon !== other.epsilon) return report.epsilon > other.epsilon; // before its end, a ramp asks for less
  const [robust, otherRobust] = [report.robust ?? 0, other.robust ?? 0];
  return robust === otherRobust ? report.correct > other.correct : robust > otherRobust;
}

/** The class with the largest target in each row. */
function largestOf({ shape, data }: Tensor): Int32Array {
  const classes = shape[1]!;
  return Int32Array.from({ length: shape[0]! }, (_, row) => {
    const own = data.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own));
  });
}

/** A digest of what the numbers of a training follow from. */
function fingerprintOf(
  { graph }: Model,
  data: LabelledSamples,
  validation: LabelledSamples,
  { method = plainTraining(), checkpoint, signal: __, timeLimit: ___, validation: ____, ...settings }: TrainOptions,
): string {
  const hash = createHash("sha256");
  const add = ({ data: numbers }: AnyTensor | { data: Int32Array }) => {
    const { buffer, byteOffset, byteLength } = numbers as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  };
  for (const { x, labels } of [data, validation]) {
    add(x);
    add({ data: labels });
  }
  for (const { name, shape, data: weight } of graph.initializers.values()) {
    hash.update(`${name}[${shape}]`);
    if (weight.type === "bytes") hash.update(weight.bytes);
  }
  hash.update(JSON.stringify(graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs])));
  hash.update(
    JSON.stringify({ method: method.name, about: checkpoint?.about, ...settings }, (_key, value) =>
      ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value,
    ),
  );
  return hash.digest("hex");
}
