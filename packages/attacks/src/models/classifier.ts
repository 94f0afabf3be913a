import type { Shape, Tensor } from "@casemate/tensor";

/** The box that inputs live in: one number for all features, or one per feature of a sample. */
export interface Bounds {
  readonly lower: number | Float32Array;
  readonly upper: number | Float32Array;
}

/** Losses that exist as ONNX subgraphs. All are climbed: a larger loss is a better attack. */
export type Loss = "cross-entropy" | "margin" | "dlr" | "targeted-cross-entropy" | "targeted-margin" | "targeted-dlr";

/** Something that scores inputs: what score and decision attacks need. */
export interface Classifier {
  /** Shape of one sample, without the batch axis. */
  readonly inputShape: Shape;
  readonly classes: number;
  readonly bounds: Bounds;
  /** Where an image keeps its channels: [channels, height, width], the default, or [height, width, channels]. */
  readonly layout?: "channels-first" | "channels-last";
  /** Scores of a batch: x [batch, ...inputShape] → [batch, classes]. */
  logits(x: Tensor): Promise<Tensor>;
}

/** A classifier that also differentiates: what gradient attacks need. */
export interface GradientClassifier extends Classifier {
  /**
   * One forward and one backward pass. `labels` [batch] are the true classes; `targets` [batch] only for targeted losses.
   * The gradient is that of the sum of the losses, so each sample's is its own.
   */
  lossGradient(x: Tensor, labels: Int32Array, loss: Loss, targets?: Int32Array): Promise<LossGradient>;
}

export interface LossGradient {
  /** [batch, classes] */
  readonly logits: Tensor;
  /** [batch] */
  readonly loss: Float32Array;
  /** Same shape as x. */
  readonly gradient: Tensor;
}
