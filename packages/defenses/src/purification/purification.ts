import type { GraphBuilder, Value } from "@casemate/onnx";

/** What is done to inputs before a model sees them, as nodes of its graph. An immutable value. */
export interface Purification {
  readonly name: string;
  readonly needsImage: boolean;
  /** Whether it works on shares of the range of each feature, or on values as they are. */
  readonly scale: "shares" | "values";
  /** x: float32 [batch, channels, height, width]; gives the same shape. */
  readonly nodes: (graph: GraphBuilder, x: Value, picture: PictureShape) => Value;
}

/** Features that are no image are one row of pixels. */
export interface PictureShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}
