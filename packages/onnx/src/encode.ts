import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encodeFunction, encodeGraph, encodeOpsets, encodeTensor } from "./encode-graph.ts";
import { OnnxError } from "./errors.ts";
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from "./generated/onnx-ml_pb.ts";
import type { Graph, Initializer, Model, ModelSource, Node } from "./model.ts";

export interface EncodeOptions {
  /**
   * Leave weights where they are: those in the model's own file or in its external data become references to that file,
   * relative to the source's folder. Off, all weights are copied into the result.
   */
  readonly references?: boolean;
}

/**
 * The bytes of an .onnx file. A model as it was read gives the bytes it was read from, unknown fields included; a derived
 * one is written from its values. Throws an OnnxError LIMIT_EXCEEDED for a result above 2 GiB.
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  const chunks = encodeChunks(model, options);
  if (chunks.length === 1 && chunks[0]) {
    return chunks[0];
  }
  const bytes = new Uint8Array(lengthOf(chunks));
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}

/** The same bytes in pieces, weights being views: what is written to a file without another copy. */
export function encodeChunks(model: Model, { references = false }: EncodeOptions = {}): readonly Uint8Array[] {
  if (model.source && isUnchanged(model) && !references && !hasExternalData(model)) {
    return [model.source.bytes];
  }
  const source = references ? model.source : undefined;
  const { initializers, ...graph } = model.graph;
  const head = create(ModelProtoSchema, {
    irVersion: BigInt(Math.max(model.irVersion, IR_WITHOUT_INITIALIZER_INPUTS)),
    producerName: model.producer,
    opsetImport: encodeOpsets(model.opsets),
    metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
    functions: model.functions.map((definition) => encodeFunction(definition)),
  });
  const body = [
    toBinary(GraphProtoSchema, create(GraphProtoSchema, encodeGraph({ ...graph, initializers: new Map() }, source))),
    ...[...initializers.values()].flatMap((initializer) => encodeWeight(initializer, source)),
  ];
  const chunks = [
    toBinary(ModelProtoSchema, head),
    blockHeader(ModelProtoSchema.field.graph.number, lengthOf(body)),
    ...body,
  ];
  const length = lengthOf(chunks);
  if (length > MAXIMUM_BYTES) {
    throw new OnnxError("LIMIT_EXCEEDED", `model: expected a file of at most ${MAXIMUM_BYTES} bytes, got ${length}`);
  }
  return chunks;
}

const IR_WITHOUT_INITIALIZER_INPUTS = 4;
const MAXIMUM_BYTES = 2 ** 31 - 1; // protobuf's own

/** One initializer of the graph; its bytes are the last field, so that they need not be copied into the message. */
function encodeWeight(initializer: Initializer, source: ModelSource | undefined): readonly Uint8Array[] {
  const { rawData, ...rest } = encodeTensor(initializer, source);
  const message = toBinary(TensorProtoSchema, create(TensorProtoSchema, rest));
  const weights = rawData ? [blockHeader(TensorProtoSchema.field.rawData.number, rawData.length), rawData] : [];
  const block = [message, ...weights];
  return [blockHeader(GraphProtoSchema.field.initializer.number, lengthOf(block)), ...block];
}

/** What stands before a protobuf field of `length` bytes. */
function blockHeader(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((total, { length }) => total + length, 0);
}

/** Whether a model is, value by value, what its source was read as. */
export function isUnchanged({ source, ...model }: Model): boolean {
  const original = source?.original;
  return (
    original !== undefined &&
    model.graph === original.graph &&
    model.functions === original.functions &&
    model.opsets === original.opsets &&
    model.metadata === original.metadata &&
    model.irVersion === original.irVersion &&
    model.producer === original.producer
  );
}

/** Whether any weight of the model lies in a file beside it. */
export function hasExternalData({ graph, functions }: Model): boolean {
  const inNodes = (nodes: readonly Node[]): boolean =>
    nodes.some(({ attributes }) =>
      Object.values(attributes).some(
        (attribute) =>
          (attribute.type === "tensor" && attribute.value.data.type === "file") ||
          (attribute.type === "graph" && inGraph(attribute.value)),
      ),
    );
  const inGraph = ({ initializers, nodes }: Graph): boolean =>
    [...initializers.values()].some(({ data }) => data.type === "file") || inNodes(nodes);
  return inGraph(graph) || functions.some(({ nodes }) => inNodes(nodes));
}
