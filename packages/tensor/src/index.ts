export { type AnyTensor, type DType, type Shape, type Storage, sizeOf, type Tensor, TensorError, type TensorErrorCode, tensor } from "./tensor.ts";
