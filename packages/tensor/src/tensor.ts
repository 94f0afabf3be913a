/** What each element type is stored in; every dtype comes from this list. float16 and bfloat16 are kept as their bits. */
export interface Storage {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
}

export type DType = keyof Storage;

export type Shape = readonly number[];

/** A row-major block of numbers. Plain data, so it can cross to a child process. */
export type Tensor<D extends DType = "float32"> = {
  [K in D]: { readonly dtype: K; readonly shape: Shape; readonly data: Storage[K] };
}[D];

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

/** How many elements a shape holds; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A float32 tensor over `data`, zeros where none is given. Throws a TensorError if the lengths disagree. */
export function tensor(shape: Shape, data: Float32Array = new Float32Array(sizeOf(shape))): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new TensorError(
      "SHAPE_MISMATCH",
      `tensor: expected ${sizeOf(shape)} elements for [${shape}], got ${data.length}`,
    );
  }
  return { dtype: "float32", shape, data };
}

export type TensorErrorCode = "SHAPE_MISMATCH" | "OUT_OF_RANGE";

/** Numbers that do not fit together: shapes, element types or parameters. */
export class TensorError extends Error {
  override readonly name = "TensorError";
  readonly code: TensorErrorCode;

  constructor(code: TensorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
