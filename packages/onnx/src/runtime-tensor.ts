import type { AnyTensor, DType } from "@casemate/tensor";
import type { Tensor } from "onnxruntime-node";
import { OnnxError } from "./errors.ts";

/** A tensor as onnxruntime takes it, over the same memory. Throws an OnnxError for element types that it has no way in for. */
export function toRuntimeTensor({ dtype, shape, data }: AnyTensor, name: string, TensorType: typeof Tensor): Tensor {
  if (dtype === "bfloat16") {
    throw new OnnxError(
      "RUNTIME_FAILURE",
      `'${name}': expected a type that onnxruntime takes from JavaScript, got bfloat16`,
    );
  }
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  if (elements !== data.length) {
    throw new OnnxError(
      "SHAPE_MISMATCH",
      `'${name}': expected ${elements} elements for [${shape}], got ${data.length}`,
    );
  }
  return new TensorType(dtype, data, shape);
}

/** A result of onnxruntime as a tensor over the same memory. */
export function fromRuntimeTensor(value: Tensor | undefined, name: string): AnyTensor {
  if (!value || !isDType(value.type)) {
    throw new OnnxError(
      "RUNTIME_FAILURE",
      `'${name}': expected a tensor from onnxruntime, got ${value?.type ?? "nothing"}`,
    );
  }
  const data = value.data instanceof Uint8ClampedArray ? new Uint8Array(value.data) : value.data;
  return { dtype: value.type, shape: value.dims, data: asBits(data) } as AnyTensor;
}

/** Runtimes that have Float16Array (Node 24) return it; here float16 is kept as its bits. */
function asBits(data: Tensor["data"]): unknown {
  return ArrayBuffer.isView(data) && data.constructor.name === "Float16Array"
    ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
    : data;
}

function isDType(type: string): type is DType {
  return type !== "int4" && type !== "uint4";
}
