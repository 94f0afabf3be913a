import { closeSync, openSync, readSync } from "node:fs";
import type { AnyTensor, DType, Storage } from "@casemate/tensor";
import { OnnxError } from "./errors.ts";
import type { Initializer } from "./model.ts";

/**
 * The numbers of a constant: a view where its bytes are aligned in memory, else a copy; external data is read now.
 * Throws an OnnxError for element types that are only carried (float8, int4, complex …) or a file that changed.
 */
export function initializerTensor(initializer: Initializer): AnyTensor {
  const { name, dtype, shape, data } = initializer;
  if (data.type === "strings") {
    return { dtype: "string", shape, data: [...data.values] };
  }
  if (dtype === "string" || !isNumeric(dtype)) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `initializer '${name}': expected an element type to compute with, got ${dtype}`,
    );
  }
  const bytes = initializerBytes(initializer);
  return { dtype, shape, data: arrayOver(bytes, dtype) } as AnyTensor;
}

/** Little-endian bytes as numbers: a view where they are aligned in memory, else a copy. */
function arrayOver<D extends NumericType>(bytes: Uint8Array, dtype: D): Storage[D] {
  const ArrayType: ArrayConstructor<D> = arrays[dtype];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new ArrayType(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/** The little-endian bytes of a constant that is no string; external data is read now. */
export function initializerBytes({ name, data }: Initializer): Uint8Array {
  switch (data.type) {
    case "bytes":
      return data.bytes;
    case "file":
      return readRange(data.path, data.offset, data.length, name);
    case "strings":
      throw new OnnxError("UNSUPPORTED_OPERATOR", `initializer '${name}': expected numbers, got strings`);
  }
}

/** A constant over the tensor's own memory. */
export function tensorInitializer(name: string, tensor: AnyTensor): Initializer {
  const { dtype, shape } = tensor;
  if (tensor.dtype === "string") {
    return { name, dtype, shape, data: { type: "strings", values: tensor.data } };
  }
  const { data } = tensor;
  return {
    name,
    dtype,
    shape,
    data: { type: "bytes", bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
  };
}

type NumericType = Exclude<DType, "string">;

interface ArrayConstructor<D extends NumericType> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): Storage[D];
}

const arrays: { readonly [D in NumericType]: ArrayConstructor<D> } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

function isNumeric(dtype: string): dtype is NumericType {
  return Object.hasOwn(arrays, dtype);
}

function readRange(path: string, offset: number, length: number, name: string): Uint8Array {
  const bytes = new Uint8Array(length);
  try {
    const file = openSync(path, "r");
    try {
      let position = 0;
      while (position < length) {
        const count = readSync(file, bytes, position, Math.min(length - position, READ_BLOCK), offset + position);
        if (count === 0) {
          throw new RangeError(`the end after ${position} bytes`);
        }
        position += count;
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new OnnxError(
      "UNREADABLE_FILE",
      `initializer '${name}': expected ${length} bytes at ${offset} of ${path}, got ${got}`,
      { cause },
    );
  }
  return bytes;
}

const READ_BLOCK = 2 ** 30; // one read call takes at most 2 GiB − 1
