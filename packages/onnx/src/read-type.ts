import { elementTypeOf } from "./element-type.ts";
import { OnnxError } from "./errors.ts";
import type { TensorShapeProto, TypeProto, ValueInfoProto } from "./generated/onnx-ml_pb.ts";
import type { Limits } from "./limits.ts";
import type { Dimension, ElementType, ValueInfo } from "./model.ts";

/** What the file declares about an input or output. A dimension of -1, which old exporters wrote, is unknown. */
export function readValueInfo(proto: ValueInfoProto, where: string, limits: Limits): ValueInfo {
  const { name, type } = proto;
  if (!type?.value.case) {
    return { name, dtype: "undefined", shape: undefined, kind: "tensor" };
  }
  switch (type.value.case) {
    case "tensorType":
    case "sparseTensorType": {
      const { elemType, shape } = type.value.value;
      const declared = { name, dtype: readElementType(elemType, where), shape: readDimensions(shape, where, limits) };
      return type.value.case === "tensorType" ? { ...declared, kind: "tensor" } : { ...declared, kind: "sparse", type };
    }
    case "opaqueType":
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `${where}: expected a tensor, sequence, map or optional, got an opaque type`,
      );
    default:
      return { name, dtype: innerElementType(type, where), shape: undefined, kind: kinds[type.value.case], type };
  }
}

const kinds = { sequenceType: "sequence", mapType: "map", optionalType: "optional" } as const;

function readElementType(number: number, where: string): ElementType {
  const dtype = elementTypeOf(number);
  if (dtype === undefined) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected an element type, got number ${number}`);
  }
  return dtype;
}

/** The element type at the bottom of sequences, maps and optionals. */
function innerElementType(type: TypeProto | undefined, where: string): ElementType {
  switch (type?.value.case) {
    case "tensorType":
    case "sparseTensorType":
      return readElementType(type.value.value.elemType, where);
    case "sequenceType":
    case "optionalType":
      return innerElementType(type.value.value.elemType, where);
    case "mapType":
      return innerElementType(type.value.value.valueType, where);
    default:
      return "undefined";
  }
}

function readDimensions(
  shape: TensorShapeProto | undefined,
  where: string,
  limits: Limits,
): readonly Dimension[] | undefined {
  if (!shape) {
    return undefined;
  }
  if (shape.dim.length > limits.rank) {
    throw new OnnxError("LIMIT_EXCEEDED", `${where}: expected at most ${limits.rank} axes, got ${shape.dim.length}`);
  }
  return shape.dim.map(({ value }): Dimension => {
    if (value.case !== "dimValue") {
      return value.value || undefined;
    }
    if (value.value < -1n || value.value > MAXIMUM_DIMENSION) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected dimensions of 0 to ${MAXIMUM_DIMENSION}, got ${value.value}`,
      );
    }
    return value.value === -1n ? undefined : Number(value.value);
  });
}

const MAXIMUM_DIMENSION = 2n ** 40n;
