import type { GraphBuilder, Value } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";

/** Tells inputs that were tampered with from clean ones. An immutable value, to be handed to `fitDetector`. */
export interface Detector {
  /** As the command spells it: "energy". */
  readonly name: string;
  readonly citation: { readonly text: string; readonly url: string };
  /**
   * What it sees of the layers below the last, if anything: of each linear layer but the first what that takes, whole or as the
   * mean of each channel.
   */
  readonly layers?: "whole" | "means";
  /** Whether it also learns from samples before and after an attack: from part of the samples, held out from the others, or from all. */
  readonly pairs?: "held-out" | "all";
  /** What it learns from clean training data, as a score that is part of a graph. */
  fit(training: DetectorTraining): FittedScore | Promise<FittedScore>;
}

/** What a classifier makes of samples. */
export interface Activations {
  /** The samples: [samples, ...shape of a sample]. */
  readonly x: Tensor;
  /** What the last linear layer takes: [samples, width]. */
  readonly features: Tensor;
  /** Of a detector with layers, from the first: [samples, width of the layer] each. */
  readonly layers: readonly Tensor[];
}

export interface DetectorTraining extends Activations {
  /** True classes. */
  readonly labels: Int32Array;
  readonly classes: number;
  /** Of a detector with pairs: samples that the attack broke, clean and attacked in the same order. */
  readonly pairs?: { readonly clean: Activations; readonly attacked: Activations };
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** The logits of the classifier: [samples, classes]. */
  logits(x: Tensor): Promise<Tensor>;
}

export interface FittedScore {
  /** Other versions of the inputs [batch, ...inputShape] that the classifier is asked about too, each of the same shape. */
  readonly views?: (graph: GraphBuilder, x: Value) => readonly Value[];
  /** The suspicion of each sample [batch], higher being worse. */
  readonly score: (graph: GraphBuilder, seen: Seen) => Value;
}

/** What a score can be made of, as values of a graph. */
export interface Seen {
  /** [batch, ...inputShape] */
  readonly x: Value;
  /** [batch, width] */
  readonly features: Value;
  /** [batch, classes] */
  readonly logits: Value;
  /** Of a detector with layers: [batch, width of the layer] each. */
  readonly layers: readonly Value[];
  /** The views, each of the shape of `x`, and the logits of all: [views, batch, classes]; none of a detector without views. */
  readonly views: readonly Value[];
  readonly others: Value | undefined;
}
