import type { Shape, Tensor } from "@casemate/tensor";

/** The box that inputs live in: one number for all features, or one per feature of a sample. */
export interface Bounds {
  readonly lower: number | Float32Array;
  readonly upper: number | Float32Array;
}

/** Losses that exist as ONNX subgraphs. All are climbed: a larger loss is a better attack. */
export type Loss =
  | "cross-entropy"
  | "margin"
  | "dlr"
  | "targeted-cross-entropy"
  | "targeted-margin"
  | "targeted-dlr"
  /** Logit of the target less that of the label. */
  | "difference"
  /** Divergence (Kullback-Leibler) of the softmax from the probabilities in `weights`. */
  | "divergence"
  /** The sum of the logits times `weights`: its gradient is the product of any vector with the Jacobian. */
  | "weighted";

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
   * Forward passes of a sample in `lossGradient`, where that estimates the gradient from scores: there is then no backward
   * pass. Absent where it differentiates.
   */
  readonly queriesPerGradient?: number;
  /**
   * One forward and one backward pass. `labels` [batch] are the true classes. The gradient is that of the sum of the losses,
   * so each sample's is its own.
   */
  lossGradient(x: Tensor, labels: Int32Array, loss: Loss, feeds?: LossFeeds): Promise<LossGradient>;
}

/**
 * What `logits` throws when some rows have no answer, and to ask for them again would not help: an endpoint that is down, or a
 * budget that is used up. The rows that it names fail; the others have their scores.
 */
export class UnansweredRows extends Error {
  override readonly name = "UnansweredRows";
  /** Why, by row of the batch. */
  readonly reasons: ReadonlyMap<number, string>;
  /** [batch, classes]: not a number in rows without an answer. */
  readonly logits: Tensor;

  constructor(reasons: ReadonlyMap<number, string>, logits: Tensor) {
    super([...reasons.values()][0] ?? "rows have no answer");
    this.reasons = reasons;
    this.logits = logits;
  }
}

/** What some losses take besides the label. */
export interface LossFeeds {
  /** A class for each sample [batch], for the targeted losses and "difference". */
  readonly targets?: Int32Array;
  /** A number for each logit [batch, classes], for "divergence" and "weighted". */
  readonly weights?: Float32Array;
  /** The logits are not wanted: a model whose scores come from elsewhere need not ask for them, and may return any. */
  readonly gradientOnly?: boolean;
}

export interface LossGradient {
  /** [batch, classes] */
  readonly logits: Tensor;
  /** [batch] */
  readonly loss: Float32Array;
  /** Same shape as x. */
  readonly gradient: Tensor;
}
