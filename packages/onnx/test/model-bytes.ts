import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from "../src/generated/onnx-ml_pb.ts";

type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, MessageShape<Schema>>;
export type GraphInit = Init<typeof GraphProtoSchema>;
export type TensorInit = Init<typeof TensorProtoSchema>;
export type NodeInit = Init<typeof NodeProtoSchema>;
export type ModelInit = Init<typeof ModelProtoSchema>;

/** An encoded model of opset 18 with one input `x`, unless the fields say otherwise. */
export function modelBytes(graph: GraphInit, fields: ModelInit = {}): Uint8Array {
  const model: ModelInit = {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 18n }],
    graph: { input: [{ name: "x" }], ...graph },
    ...fields,
  };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}

export function identity(input: string, output: string): NodeInit {
  return { opType: "Identity", input: [input], output: [output] };
}

export function graphAttribute(name: string, g: GraphInit) {
  return { name, type: AttributeType.GRAPH, g };
}

export function float32(name: string, dims: readonly number[], fields: TensorInit = {}): TensorInit {
  return { name, dataType: 1, dims: dims.map(BigInt), ...fields };
}

export function rawFloats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
