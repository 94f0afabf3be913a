import type { GradientClassifier, Threat } from "@casemate/attacks";
import type { LossSubgraph, Model, Trainer } from "@casemate/onnx";
import type { Draw, Tensor } from "@casemate/tensor";
import type { BoundMethod } from "../bounds/verifier.ts";

/** How weights are made robust: what is done with one batch, and the loss that the weights descend. Immutable. */
export interface TrainingMethod {
  /** As the command spells it: "pgd". */
  readonly name: string;
  /** Where it was published. */
  readonly source: string;
  /** What is known against it, where a better choice exists. */
  readonly warning?: string;
  /**
   * The loss of each row after the output of the trained graph. Takes `targets` [batch, classes], and whatever else `step`
   * feeds.
   */
  loss(classes: number): LossSubgraph;
  /** The graph whose weights are trained, where that is not the model itself: the same initializers, other outputs. */
  graph?(model: Model): Promise<Model>;
  /** Whether it trains on samples as they are, so that they can be tokens too. */
  readonly leavesSamples?: boolean;
  /** Whether each step also returns the gradient with respect to the input. */
  readonly needsInputGradient?: boolean;
  /** Gradients of the classifier that are taken of each sample before a step of the optimiser, where there are several. */
  readonly gradientsPerStep?: number;
  /** Share of the training over which epsilon rises from 0 unless the options say; 0 if absent. */
  readonly ramp?: number;
  /** How often each step takes its batch, by which the loop divides its epochs; 1 if absent. */
  readonly replays?: number;
  /** The bounds that its weights are trained to be certified by, and its best epoch is chosen by. */
  readonly certifiedBy?: BoundMethod;
  /** One batch: finds the examples and takes one or more steps of the optimiser. Returns the loss of each row it last descended. */
  step(batch: Batch, state: TrainingState): Promise<Float32Array>;
}

/** What a method sees of the data at one step. */
export interface Batch {
  /** [n, ...shape of a sample], augmented already, in the units of the bounds. */
  readonly x: Tensor;
  /** The true class of each row; of a mixed sample the one with the larger share. */
  readonly labels: Int32Array;
  /** [n, classes]: probabilities that rows are trained towards; one-hot but for label smoothing and mixing. */
  readonly targets: Tensor;
  /** What the draw of a row is keyed by: the sample's position in the data set, the step of training, and what it is for. */
  draw(row: number, purpose: number): Draw;
}

/** What a method works with at one step. */
export interface TrainingState {
  /** Takes the steps; its graph is that of the method. */
  readonly trainer: Trainer;
  /** The model with the weights of this moment, batch normalisation and dropout as they are when it serves. */
  readonly classifier: GradientClassifier;
  /** The name of the model's input, to feed the trainer with. */
  readonly input: string;
  /** The ball that examples are looked for in, at this step of its ramp; epsilon is 0 for methods without one. */
  readonly threat: Threat;
  /** Learning rate of this step. */
  readonly rate: number;
  /** How far the ramp has come, from 0 to 1: the share of its largest epsilon that `threat` has. */
  readonly ramp: number;
  /** What the method keeps from one step to the next, by name; empty at first, and part of every checkpoint. */
  readonly memory: Map<string, Tensor>;
}
