import type { Tensor } from "@casemate/tensor";
import type { Budget } from "../engine/evaluator.ts";
import type { BaseLoss } from "../models/losses.ts";
import type { TransformationName, Transformations } from "./pattern-view.ts";
import type { Palette } from "./printability.ts";

/** What patches and stickers have in common. */
export interface PatternOptions {
  /** The class that everything is to be taken for; any wrong class if absent. */
  readonly target?: number;
  readonly loss?: BaseLoss;
  readonly steps?: number;
  /** Views in a step, each of a sample drawn anew. */
  readonly viewsPerStep?: number;
  /** Of Adam, as a share of the range of the input. */
  readonly learningRate?: number;
  readonly transformations?: Partial<Transformations>;
  /** The colours that can be printed. The pattern that is returned, and measured, has only these unless `quantised` is off. */
  readonly palette?: Palette;
  readonly quantised?: boolean;
  /** Weight of the non-printability score, per texel, against the loss. */
  readonly printability?: number;
  /** Weight of the squared differences of neighbouring texels, per texel, against the loss. */
  readonly smoothness?: number;
  /** Share of the samples that the pattern is measured on and not made from. */
  readonly heldOut?: number;
  /** Views of each held-out sample, under each transformation. */
  readonly viewsPerSample?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  /** Of the training; the measurement is always done. */
  readonly budget?: Budget;
  readonly signal?: AbortSignal;
  /** A clock in milliseconds, for the budget. */
  readonly now?: () => number;
}

/** Where the making of a pattern is. */
export interface PatternProgress {
  readonly type: "progress";
  readonly step: number;
  readonly steps: number;
  /** Mean over the views of this step. */
  readonly loss: number;
  /** Views of this step that the pattern, as it was before, broke. */
  readonly broken: number;
  readonly views: number;
  readonly queries: { readonly forward: number; readonly backward: number };
}

/** What became of the views of the held-out samples under one transformation alone, none, or all together. */
export interface PatternCounts {
  readonly transformation: TransformationName | "none" | "all";
  readonly broken: number;
  readonly robust: number;
  readonly failed: number;
  /** Of the same views, how many a plain pattern of the middle of the range breaks: what covering does by itself. */
  readonly brokenByGrey: number;
}

/** A held-out sample with the pattern in view. */
export interface PatternExample {
  readonly sample: number;
  readonly image: Float32Array;
  readonly prediction: number;
}

export interface PatternResult {
  /** In units of the input and in the model's layout: [channels, rows, columns] or [rows, columns, channels]. */
  readonly pattern: Tensor;
  /** Where the pattern is opaque: [rows, columns]. */
  readonly mask: Tensor;
  readonly target?: number;
  /** Indices of the samples that it was made from and measured on. */
  readonly trained: readonly number[];
  readonly heldOut: readonly number[];
  /** Held-out samples that were left out of the counts: misclassified, of the target's class, or not answered by the model. */
  readonly wrong: number;
  readonly alreadyTarget: number;
  readonly failed: number;
  readonly counts: readonly PatternCounts[];
  /** A few broken views under all transformations, as the model saw them. */
  readonly examples: readonly PatternExample[];
  /** Non-printability score of a texel, in the mean, before quantisation; only with a palette. */
  readonly nonPrintability?: number;
  readonly queries: { readonly forward: number; readonly backward: number };
  readonly steps: number;
  /** False if the budget ended the training. */
  readonly isComplete: boolean;
  readonly seed: number;
}
