import type { AnyTensor, Tensor } from "@casemate/tensor";
import type { LossSubgraph } from "../differentiate.ts";
import type { Feeds } from "../probe.ts";
import type { Optimizer } from "./optimizer.ts";

export interface TrainerOptions {
  /** The loss of each row; its mean over the rows descends. */
  readonly loss: LossSubgraph;
  readonly optimizer: Optimizer;
  /** Initializers to train; all floating-point ones on the way to the loss if absent. The others are frozen. */
  readonly trainable?: readonly string[];
  /** The output that the loss acts on; the first if absent. */
  readonly output?: string;
  /** Inputs whose gradient each step also returns. */
  readonly wrt?: readonly string[];
  /** Scale the gradient of all weights together down to this L2 norm where it is longer. */
  readonly clip?: number;
  /** Batch normalisation by the statistics of the batch, and dropout; on unless stated. */
  readonly isTraining?: boolean;
  readonly sample?: Feeds;
  readonly threads?: number;
  /** What dropout draws by. */
  readonly seed?: number;
}

/** A model in training: weights and the state of the optimiser, which each step changes. Holds native memory until disposed. */
export interface Trainer {
  /** Weights and running averages under the names of their initializers, always the latest; for `openClassifier` and `withWeights`. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** All that a later run needs to go on with the same numbers: weights and slots of the optimiser, always the latest. */
  readonly state: ReadonlyMap<string, AnyTensor>;
  /** One step of the optimiser on a batch: the model's inputs and those of the loss. */
  step(feeds: Feeds, rate: number): Promise<TrainingStep>;
  /** The gradient of the mean loss with respect to each weight; changes nothing. */
  gradients(feeds: Feeds): Promise<ReadonlyMap<string, Tensor>>;
  /** Adds `scale` times `direction` to the weights of these names. */
  shift(direction: ReadonlyMap<string, Tensor>, scale: number): void;
  /** Goes back to a state, or sets some of it. Throws an OnnxError SHAPE_MISMATCH for other names or shapes. */
  load(state: ReadonlyMap<string, AnyTensor>): void;
  dispose(): Promise<void>;
}

export interface TrainingStep {
  /** The loss of each row before the step. */
  readonly loss: Float32Array;
  /** The output that the loss acts on. */
  readonly logits: Tensor;
  /** Of the sum of the losses, by input. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}
