import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { bitsOf, elementTypeNumber } from "./element-type.ts";
import { encodeReference, type TensorReference } from "./encode-reference.ts";
import { OnnxError } from "./errors.ts";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "./generated/onnx-ml_pb.ts";
import { initializerBytes } from "./initializer.ts";
import type {
  Attribute,
  AttributeKind,
  Attributes,
  FunctionDefinition,
  Graph,
  Initializer,
  Model,
  ModelSource,
  Node,
  ValueInfo,
} from "./model.ts";

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

function encodeGraph(graph: Graph, source: ModelSource | undefined): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: graph.name || "graph", // onnxruntime refuses a graph without a name
    node: encodeNodes(graph.nodes, source),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    initializer: [...graph.initializers.values()].map((initializer) => encodeTensor(initializer, source)),
  };
}

function encodeFunction(definition: FunctionDefinition): MessageInitShape<typeof FunctionProtoSchema> {
  const { name, domain, overload, inputs, outputs, attributes, defaults, opsets, nodes } = definition;
  return {
    name,
    domain,
    overload,
    input: [...inputs],
    output: [...outputs],
    attribute: [...attributes],
    attributeProto: encodeAttributes(defaults, undefined),
    opsetImport: encodeOpsets(opsets),
    node: encodeNodes(nodes, undefined),
  };
}

function encodeOpsets(opsets: ReadonlyMap<string, number>) {
  return [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) }));
}

/** Nodes as they are, but a name only once: onnxruntime refuses a second node of the same name. */
function encodeNodes(nodes: readonly Node[], source: ModelSource | undefined): ReturnType<typeof encodeNode>[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    const name = taken.has(node.name) ? "" : node.name;
    taken.add(name);
    return encodeNode({ ...node, name }, source);
  });
}

function encodeNode(node: Node, source: ModelSource | undefined): MessageInitShape<typeof NodeProtoSchema> {
  return {
    name: node.name,
    opType: node.op,
    domain: node.domain,
    overload: node.overload ?? "",
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: encodeAttributes(node.attributes, source),
  };
}

function encodeAttributes(attributes: Attributes, source: ModelSource | undefined) {
  return Object.entries(attributes).map(([name, attribute]) => encodeAttribute(name, attribute, source));
}

function encodeAttribute(
  name: string,
  attribute: Attribute,
  source: ModelSource | undefined,
): MessageInitShape<typeof AttributeProtoSchema> {
  const type = attributeTypes[attribute.type === "reference" ? attribute.of : attribute.type];
  switch (attribute.type) {
    case "float":
      return { name, type, f: attribute.value };
    case "int":
      return { name, type, i: toInt64(attribute.value) };
    case "string":
      return { name, type, s: encodeText(attribute.value) };
    case "tensor":
      return { name, type, t: encodeTensor(attribute.value, undefined) }; // onnxruntime refuses references here
    case "graph":
      return { name, type, g: encodeGraph(attribute.value, source) };
    case "floats":
      return { name, type, floats: [...attribute.value] };
    case "ints":
      return { name, type, ints: attribute.value.map(toInt64) };
    case "strings":
      return { name, type, strings: attribute.value.map(encodeText) };
    case "reference":
      return { name, type, refAttrName: attribute.value };
    case "type":
      return { name, type, tp: attribute.value };
  }
}

const attributeTypes: Readonly<Record<AttributeKind, AttributeType>> = {
  float: AttributeType.FLOAT,
  int: AttributeType.INT,
  string: AttributeType.STRING,
  tensor: AttributeType.TENSOR,
  graph: AttributeType.GRAPH,
  floats: AttributeType.FLOATS,
  ints: AttributeType.INTS,
  strings: AttributeType.STRINGS,
  type: AttributeType.TYPE_PROTO,
};

/** Whole numbers as the file writes them; "to the end", the largest int64, became 2^63 when it was read. */
function toInt64(value: number): bigint {
  if (!Number.isInteger(value)) {
    throw new OnnxError("MALFORMED_MODEL", `attribute: expected a whole number, got ${value}`);
  }
  const whole = BigInt(value);
  return whole > MAXIMUM_INT64 ? MAXIMUM_INT64 : whole < -MAXIMUM_INT64 - 1n ? -MAXIMUM_INT64 - 1n : whole;
}

const MAXIMUM_INT64 = 2n ** 63n - 1n;

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

interface TensorFields extends Partial<TensorReference> {
  readonly name: string;
  readonly dims: bigint[];
  readonly dataType: number;
  readonly rawData?: Uint8Array;
  readonly stringData?: Uint8Array[];
}

function encodeTensor(initializer: Initializer, source: ModelSource | undefined): TensorFields {
  const { name, dtype, shape, data } = initializer;
  const head = { name, dims: shape.map(BigInt), dataType: elementTypeNumber[dtype] };
  if (data.type === "strings") {
    return { ...head, stringData: data.values.map(encodeText) };
  }
  const reference = source && bitsOf(dtype) && encodeReference(data, source);
  return reference ? { ...head, ...reference } : { ...head, rawData: initializerBytes(initializer) };
}

function encodeValueInfo({ name, dtype, shape, kind, type }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  if (kind !== "tensor") {
    return { name, ...(type && { type }) };
  }
  if (dtype === "undefined") {
    return { name };
  }
  const dim = shape?.map((dimension) => ({
    value:
      dimension === undefined
        ? ({ case: undefined } as const)
        : typeof dimension === "string"
          ? ({ case: "dimParam", value: dimension } as const)
          : ({ case: "dimValue", value: BigInt(dimension) } as const),
  }));
  const value = { elemType: elementTypeNumber[dtype], ...(dim && { shape: { dim } }) };
  return { name, type: { value: { case: "tensorType", value } } };
}
