import type { ElementType } from "@casemate/onnx";
import { type AnyTensor, float16ToFloat32, float32ToFloat16, type Tensor, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";

/** A float32 tensor in the floating-point type that a model takes. */
export function fromFloat32({ shape, data }: Tensor, dtype: ElementType): AnyTensor {
  if (dtype === "float16") return { dtype, shape, data: float32ToFloat16(data) };
  if (dtype === "float64") return { dtype, shape, data: Float64Array.from(data) };
  return { dtype: "float32", shape, data };
}

/** What a model gave back, as float32. */
export function toFloat32(from: AnyTensor): Tensor {
  switch (from.dtype) {
    case "float32":
      return from;
    case "float64":
      return tensor(from.shape, Float32Array.from(from.data));
    case "float16":
      return tensor(from.shape, float16ToFloat32(from.data));
    default:
      throw new AttackError("UNSUPPORTED_MODEL", `output: expected floating point, got ${from.dtype}`);
  }
}
