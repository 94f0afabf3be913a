export { fillCoarseNormal, normalQuantile } from "./coarse-normal.ts";
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./float16.ts";
export { type Box, projectOntoL1BallInBox } from "./l1-projection.ts";
export { distances, type Norm, norms } from "./norms.ts";
export { philox4x32 } from "./philox.ts";
export { clip, type PerFeature, projectOntoL2Ball, projectOntoLinfBall, spread } from "./projections.ts";
export { type Draw, fillIntegers, fillNormal, fillSigns, fillUniform, fillWords, wordToUniform } from "./random.ts";
export { putRows, takeRows } from "./rows.ts";
export { broadcastShapes, strides } from "./shape.ts";
export {
  type AnyTensor,
  type DType,
  type Shape,
  type Storage,
  sizeOf,
  type Tensor,
  TensorError,
  type TensorErrorCode,
  tensor,
} from "./tensor.ts";
export { fillNormalByZiggurat } from "./ziggurat.ts";
