import type { Shape } from "@casemate/tensor";

/** What a reader of one format hands on: samples before they are scaled and checked. */
export interface Samples {
  /** [n, …]. */
  readonly shape: Shape;
  readonly data: Float32Array;
  readonly labels: Labels;
  readonly featureNames?: readonly string[];
  readonly sourceDtype: string;
  readonly sha256: string;
}

export interface Labels {
  readonly labels: Int32Array;
  readonly labelNames?: readonly string[];
}
