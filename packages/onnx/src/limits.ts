/** What a model may ask of the machine before it is refused with LIMIT_EXCEEDED. */
export interface Limits {
  /** Bytes of the .onnx file. Protobuf itself ends at 2 GiB; larger weights are external data. */
  readonly fileBytes: number;
  /** Estimated bytes of the decoded structure, weights that stay views not counted. */
  readonly decodedBytes: number;
  /** Nodes of all graphs and functions together. */
  readonly nodes: number;
  /** Attributes of one node. */
  readonly attributes: number;
  /** Axes of one tensor. */
  readonly rank: number;
  /** Graphs inside graphs. */
  readonly graphDepth: number;
  /** Bytes that sparse initializers may grow to when made dense, together. */
  readonly denseBytes: number;
}

/** Far above any classifier that we know of, far below what takes the process down. */
export const defaultLimits: Limits = {
  fileBytes: 2 ** 31 - 1,
  decodedBytes: 2 ** 31,
  nodes: 1_000_000,
  attributes: 1_000,
  rank: 64,
  graphDepth: 16,
  denseBytes: 2 ** 28,
};
