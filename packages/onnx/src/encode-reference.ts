import { relative, sep } from "node:path";
import { isInside } from "./external-data.ts";
import { TensorProto_DataLocation } from "./generated/onnx-ml_pb.ts";
import type { InitializerData, ModelSource } from "./model.ts";

export interface TensorReference {
  readonly dataLocation: TensorProto_DataLocation;
  readonly externalData: { readonly key: string; readonly value: string }[];
}

/**
 * The fields of a tensor whose bytes already lie in a file of the source's folder, so that a derived model need not hold
 * them: external data, or bytes of the .onnx file itself. Undefined where they lie nowhere or are small.
 */
export function encodeReference(data: InitializerData, source: ModelSource): TensorReference | undefined {
  const place = locate(data, source);
  if (!place || place.length < MINIMUM_BYTES || !source.folder || !isInside(source.folder, place.path)) {
    return undefined;
  }
  const location = relative(source.folder, place.path).replaceAll(sep, "/");
  return {
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: "location", value: location },
      { key: "offset", value: String(place.offset) },
      { key: "length", value: String(place.length) },
    ],
  };
}

const MINIMUM_BYTES = 1024; // smaller ones hold shapes and axes, which onnxruntime reads while it infers shapes

function locate(
  data: InitializerData,
  source: ModelSource,
): { path: string; offset: number; length: number } | undefined {
  if (data.type === "file") {
    return data;
  }
  if (data.type === "strings" || !source.path || data.bytes.buffer !== source.bytes.buffer) {
    return undefined;
  }
  const offset = data.bytes.byteOffset - source.bytes.byteOffset;
  const isPart = offset >= 0 && offset + data.bytes.length <= source.bytes.length;
  return isPart ? { path: source.path, offset, length: data.bytes.length } : undefined;
}
