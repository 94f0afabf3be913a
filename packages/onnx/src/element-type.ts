import { TensorProto_DataType as Code } from "./generated/onnx-ml_pb.ts";
import type { ElementType } from "./model.ts";

/** The number that a file writes for each element type (TensorProto.DataType). */
export const elementTypeNumber: Readonly<Record<ElementType, number>> = {
  undefined: Code.UNDEFINED,
  float32: Code.FLOAT,
  uint8: Code.UINT8,
  int8: Code.INT8,
  uint16: Code.UINT16,
  int16: Code.INT16,
  int32: Code.INT32,
  int64: Code.INT64,
  string: Code.STRING,
  bool: Code.BOOL,
  float16: Code.FLOAT16,
  float64: Code.DOUBLE,
  uint32: Code.UINT32,
  uint64: Code.UINT64,
  complex64: Code.COMPLEX64,
  complex128: Code.COMPLEX128,
  bfloat16: Code.BFLOAT16,
  float8e4m3fn: Code.FLOAT8E4M3FN,
  float8e4m3fnuz: Code.FLOAT8E4M3FNUZ,
  float8e5m2: Code.FLOAT8E5M2,
  float8e5m2fnuz: Code.FLOAT8E5M2FNUZ,
  uint4: Code.UINT4,
  int4: Code.INT4,
  float4e2m1: Code.FLOAT4E2M1,
  float8e8m0: Code.FLOAT8E8M0,
  uint2: Code.UINT2,
  int2: Code.INT2,
};

const names = new Map(Object.entries(elementTypeNumber).map(([name, number]) => [number, name as ElementType]));

/** The element type behind a number in a file; undefined for a number that this version does not know. */
export function elementTypeOf(number: number): ElementType | undefined {
  return names.get(number);
}

/** Bits that one element takes in a file; undefined for strings and the unknown. Elements under a byte are packed. */
export function bitsOf(dtype: ElementType): number | undefined {
  return bits[dtype];
}

const bits: Readonly<Partial<Record<ElementType, number>>> = {
  float32: 32,
  float64: 64,
  float16: 16,
  bfloat16: 16,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
  bool: 8,
  complex64: 64,
  complex128: 128,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  float8e8m0: 8,
  float4e2m1: 4,
  int4: 4,
  uint4: 4,
  int2: 2,
  uint2: 2,
};
