import type { MessageInitShape } from "@bufbuild/protobuf";
import { bitsOf, elementTypeNumber } from "./element-type.ts";
import { encodeReference, type TensorReference } from "./encode-reference.ts";
import { OnnxError } from "./errors.ts";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProtoSchema,
  type GraphProtoSchema,
  type NodeProtoSchema,
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
  ModelSource,
  Node,
  ValueInfo,
} from "./model.ts";

/** A graph as its message; weights that lie in files of `source` become references to them. */
export function encodeGraph(graph: Graph, source: ModelSource | undefined): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: graph.name || "graph", // onnxruntime refuses a graph without a name
    node: encodeNodes(graph.nodes, source),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    initializer: [...graph.initializers.values()].map((initializer) => encodeTensor(initializer, source)),
  };
}

/** A function as its message. */
export function encodeFunction(definition: FunctionDefinition): MessageInitShape<typeof FunctionProtoSchema> {
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

/** Operator set versions as their messages. */
export function encodeOpsets(opsets: ReadonlyMap<string, number>) {
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

/** A constant as the fields of its message, without copying its bytes. */
export function encodeTensor(initializer: Initializer, source: ModelSource | undefined): TensorFields {
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
