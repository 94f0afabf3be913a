import { type AnyTensor, bfloat16ToFloat32, float16ToFloat32 } from "@casemate/tensor";

/** An element of a constant as a number; halves are kept as bits, so it is not simply what the array holds. */
export function numberAt(tensor: AnyTensor, index = 0): number {
  switch (tensor.dtype) {
    case "float16":
      return float16ToFloat32(tensor.data.subarray(index, index + 1))[0]!;
    case "bfloat16":
      return bfloat16ToFloat32(tensor.data.subarray(index, index + 1))[0]!;
    default:
      return Number(tensor.data[index]);
  }
}
