import { bitsOf, elementTypeOf } from "./element-type.ts";
import { OnnxError } from "./errors.ts";
import { type ExternalFiles, locateExternalData } from "./external-data.ts";
import type { SparseTensorProto, TensorProto } from "./generated/onnx-ml_pb.ts";
import { TensorProto_DataLocation } from "./generated/onnx-ml_pb.ts";
import type { Limits } from "./limits.ts";
import type { ElementType, Initializer, InitializerData } from "./model.ts";
import { decodeText } from "./text.ts";

/** What reading carries along: limits, where external data can lie, and what was used up so far. */
export interface ReadContext {
  readonly limits: Limits;
  readonly folder: string | undefined;
  readonly files: ExternalFiles;
  readonly used: { nodes: number; denseBytes: number };
}

/** A tensor of the file as a constant. Raw bytes stay a view on the file; other fields become little-endian bytes. */
export function readTensor(proto: TensorProto, where: string, context: ReadContext): Initializer {
  const dtype = elementTypeOf(proto.dataType);
  if (dtype === undefined || dtype === "undefined") {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected an element type, got number ${proto.dataType}`);
  }
  const shape = readShape(proto.dims, where, context.limits);
  return { name: proto.name, dtype, shape, data: readData(proto, dtype, shape, where, context) };
}

/** A sparse tensor (COO, indices linear or per axis) made dense. */
export function readSparseTensor(proto: SparseTensorProto, where: string, context: ReadContext): Initializer {
  if (!proto.values || !proto.indices) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected values and indices of a sparse tensor, got neither or one`,
    );
  }
  const values = readTensor(proto.values, `${where}, values`, context);
  const indices = readTensor(proto.indices, `${where}, indices`, context);
  const shape = readShape(proto.dims, where, context.limits);
  const count = values.shape[0] ?? 0;
  const isLinear = indices.shape.length === 1;
  const isWellFormed =
    values.shape.length === 1 &&
    indices.dtype === "int64" &&
    indices.shape[0] === count &&
    (isLinear || (indices.shape.length === 2 && indices.shape[1] === shape.length));
  if (
    !isWellFormed ||
    values.data.type !== "bytes" ||
    indices.data.type !== "bytes" ||
    (bitsOf(values.dtype) ?? 0) < 8
  ) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected embedded values [n] and int64 indices [n] or [n, ${shape.length}], got ` +
        `${values.dtype} [${values.shape}] and ${indices.dtype} [${indices.shape}]`,
    );
  }
  const size = (bitsOf(values.dtype) ?? 8) / 8;
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  context.used.denseBytes += elements * size;
  if (context.used.denseBytes > context.limits.denseBytes) {
    throw new OnnxError(
      "LIMIT_EXCEEDED",
      `${where}: expected sparse tensors of at most ${context.limits.denseBytes} bytes when dense, got more`,
    );
  }
  const bytes = new Uint8Array(elements * size);
  const source = values.data.bytes;
  const positions = new DataView(
    indices.data.bytes.buffer,
    indices.data.bytes.byteOffset,
    indices.data.bytes.byteLength,
  );
  const axes = isLinear ? [elements] : shape;
  for (let item = 0; item < count; item++) {
    let position = 0;
    for (const [axis, extent] of axes.entries()) {
      const index = Number(positions.getBigInt64((item * axes.length + axis) * 8, true));
      if (index < 0 || index >= extent) {
        throw new OnnxError("MALFORMED_MODEL", `${where}: expected an index in [0, ${extent}), got ${index}`);
      }
      position = position * extent + index;
    }
    bytes.set(source.subarray(item * size, (item + 1) * size), position * size);
  }
  return { name: values.name, dtype: values.dtype, shape, data: { type: "bytes", bytes } };
}

function readShape(dims: readonly bigint[], where: string, limits: Limits): readonly number[] {
  if (dims.length > limits.rank) {
    throw new OnnxError("LIMIT_EXCEEDED", `${where}: expected at most ${limits.rank} axes, got ${dims.length}`);
  }
  for (const dimension of dims) {
    if (dimension < 0n || dimension > MAXIMUM_DIMENSION) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected dimensions of 0 to ${MAXIMUM_DIMENSION}, got ${dimension}`,
      );
    }
  }
  return dims.map(Number);
}

const MAXIMUM_DIMENSION = 2n ** 40n;

function readData(
  proto: TensorProto,
  dtype: ElementType,
  shape: readonly number[],
  where: string,
  context: ReadContext,
): InitializerData {
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  const bits = bitsOf(dtype);
  const byteLength = Math.ceil((elements * (bits ?? 0)) / 8);
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(byteLength)) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected a shape that memory can hold, got [${shape}]`);
  }
  if (proto.segment) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected a tensor in one piece, got a segment`);
  }
  const filled = fields.filter((field) => proto[field].length > 0);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (filled.length > 0 || bits === undefined) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected numbers in external data alone, got ${filled[0] ?? dtype}`,
      );
    }
    return locateExternalData(proto.externalData, byteLength, context.folder, context.files, where);
  }
  const field = filled[0] ?? "rawData";
  const allowed = fieldOf(dtype);
  if (filled.length > 1 || (filled.length === 1 && field !== allowed && (field !== "rawData" || dtype === "string"))) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected ${dtype} data in raw_data or one typed field, got ${filled.join(", ")}`,
    );
  }
  if (bits === undefined) {
    if (proto.stringData.length !== elements) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected ${elements} strings for [${shape}], got ${proto.stringData.length}`,
      );
    }
    return { type: "strings", values: proto.stringData.map((text) => decodeText(text, where)) };
  }
  const bytes = field === "rawData" ? proto.rawData : bytesOf(proto, dtype);
  if (bytes.length !== byteLength) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected ${byteLength} bytes for ${dtype} [${shape}], got ${bytes.length}`,
    );
  }
  return { type: "bytes", bytes };
}

const fields = ["rawData", "floatData", "int32Data", "stringData", "int64Data", "doubleData", "uint64Data"] as const;

/** The typed field that holds elements of a type. */
function fieldOf(dtype: ElementType): (typeof fields)[number] {
  switch (dtype) {
    case "float32":
    case "complex64":
      return "floatData";
    case "float64":
    case "complex128":
      return "doubleData";
    case "int64":
      return "int64Data";
    case "uint32":
    case "uint64":
      return "uint64Data";
    case "string":
      return "stringData";
    default:
      return "int32Data";
  }
}

/** The typed field as bytes. Narrow types lie one to an int32; those under a byte lie packed, one byte to an int32. */
function bytesOf(proto: TensorProto, dtype: ElementType): Uint8Array {
  const array = typedArrayOf(proto, dtype);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function typedArrayOf(proto: TensorProto, dtype: ElementType) {
  switch (dtype) {
    case "float32":
    case "complex64":
      return Float32Array.from(proto.floatData);
    case "float64":
    case "complex128":
      return Float64Array.from(proto.doubleData);
    case "int64":
      return BigInt64Array.from(proto.int64Data);
    case "uint64":
      return BigUint64Array.from(proto.uint64Data);
    case "uint32":
      return Uint32Array.from(proto.uint64Data, Number);
    case "int32":
      return Int32Array.from(proto.int32Data);
    case "int16":
    case "uint16":
    case "float16":
    case "bfloat16":
      return Uint16Array.from(proto.int32Data);
    default:
      return Uint8Array.from(proto.int32Data);
  }
}
