import type { GraphBuilder, Value } from "@casemate/onnx";
import type { Shape, Tensor } from "@casemate/tensor";

/** Tells inputs that were tampered with from clean ones. An immutable value, to be handed to `fitDetector`. */
export interface Detector {
  /** As the command spells it: "energy". */
  readonly name: string;
  readonly citation: { readonly text: string; readonly url: string };
  /** Other versions of the inputs [batch, ...inputShape] that the classifier is asked about too, each of the same shape. */
  readonly views?: (graph: GraphBuilder, x: Value, inputShape: Shape) => readonly Value[];
  /** What it learns from clean training data, as a score that is part of a graph. */
  fit(training: DetectorTraining): Score;
}

export interface DetectorTraining {
  /** What the last linear layer takes, of clean samples: [samples, width]. */
  readonly features: Tensor;
  /** True classes. */
  readonly labels: Int32Array;
  readonly classes: number;
}

/**
 * The suspicion of each sample [batch], higher being worse, after features [batch, width], logits [batch, classes] and, of a
 * detector with views, the logits of those [views, batch, classes].
 */
export type Score = (graph: GraphBuilder, features: Value, logits: Value, others: Value | undefined) => Value;
