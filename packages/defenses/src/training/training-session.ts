import { forwardModel, type OnnxClassifier, openClassifier, type Threat, threats } from "@casemate/attacks";
import { type Model, openTrainer, type Trainer, withWeights } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { type BoundMethod, openVerifier, SMALLEST_MARGIN } from "../bounds/verifier.ts";
import { DefenseError } from "../errors.ts";
import { augmented } from "./augmentation.ts";
import { moveAverage } from "./averaging.ts";
import type { Checkpoint, Position } from "./checkpoint.ts";
import { refuseMovingTokens, withFloatInput } from "./float-input.ts";
import { unfrozen } from "./freezing.ts";
import type { Batch, TrainingState } from "./method.ts";
import { mixed } from "./mixing.ts";
import { learningRateAt } from "./schedule.ts";
import { shuffled } from "./shuffle.ts";
import { streams } from "./streams.ts";
import type { Settings } from "./train-options.ts";
import { type LabelledSamples, rowsOf, type Validation, validate } from "./validate.ts";

/** Compiles the training of a model. Throws a DefenseError for one that cannot be trained, or labels that it has no class for. */
export async function openTraining(given: Model, data: LabelledSamples, settings: Settings): Promise<TrainingSession> {
  refuseMovingTokens(given, settings);
  const model = withFloatInput(given);
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
  const classifier = await openClassifier(model, {
    ...settings.classifier,
    weights: trainer.weights,
    gradientsPerChange: settings.batchSize * (method.gradientsPerStep ?? 1),
  });
  return new TrainingSession(given, data, settings, trainer, classifier, forward.input.name);
}

function refuseForeignLabels(labels: Int32Array, classes: number): void {
  const foreign = labels.find((label) => label < 0 || label >= classes);
  if (foreign === undefined) return;
  throw new DefenseError("SHAPE_MISMATCH", `data: expected labels from 0 to ${classes - 1}, got ${foreign}`);
}

/** What changes while a model is trained. */
export class TrainingSession {
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
      ramp: this.#ramped(progress),
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
    const { averaging, ball, seed, method } = this.#settings;
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
    const certified =
      method.certifiedBy && ball.epsilon > 0
        ? await this.#countCertified(validation, weights, method.certifiedBy)
        : undefined;
    const { lossSum, lossCount } = this.position;
    const report: EpochReport = {
      epoch,
      loss: lossSum / lossCount,
      ...counts,
      certified,
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
    const { seed, labelSmoothing, augmentation, mixing, classifier } = this.#settings;
    const isLast = classifier.layout === "channels-last";
    const { x: stored, labels } = rowsOf(this.#data, rows);
    const augmentDraw = (row: number) => ({ seed, stream: streams.augment, sample: rows[row]!, step });
    const x = augmentation ? augmented(stored, augmentation, augmentDraw, isLast) : stored;
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
    const blended = mixed({ x, targets }, mixing, mixDraw, isLast);
    return { ...blended, labels: largestOf(blended.targets), draw };
  }

  /** Samples that keep their class in the whole ball, by bounds that are rounded outward. */
  async #countCertified(
    { x, labels }: LabelledSamples,
    weights: ReadonlyMap<string, Tensor>,
    method: BoundMethod,
  ): Promise<number> {
    const { norm, epsilon } = this.#threatAt(1);
    if (norm === "l0") {
      throw new DefenseError("INVALID_OPTION", "certified training: expected a ball in linf, l2 or l1, got one in l0");
    }
    const verifier = await openVerifier(withWeights(this.#model, weights), {
      ...this.#settings.classifier,
      method,
      norm,
    });
    try {
      const { shape, data } = await verifier.margins(x, labels, { epsilon });
      const width = shape[1]!;
      return labels.filter((_, row) =>
        data.subarray(row * width, (row + 1) * width).every((margin) => margin > SMALLEST_MARGIN),
      ).length;
    } finally {
      await verifier.dispose();
    }
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

export interface EpochReport extends Validation {
  /** From 1. */
  readonly epoch: number;
  /** Mean of the method's loss over the epoch. */
  readonly loss: number;
  readonly learningRate: number;
  /** Samples that are certified to stay right in the whole ball; undefined unless the method trains for certificates. */
  readonly certified: number | undefined;
  /** What the method trained against at the end of the epoch. */
  readonly epsilon: number;
  readonly seconds: number;
}

function isBetter(report: EpochReport, other: EpochReport): boolean {
  if (report.epsilon !== other.epsilon) return report.epsilon > other.epsilon; // before its end, a ramp asks for less
  const [certified, otherCertified] = [report.certified ?? 0, other.certified ?? 0];
  if (certified !== otherCertified) return certified > otherCertified;
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
