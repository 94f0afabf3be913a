import { OnnxError } from "./errors.ts";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProto,
  type GraphProto,
  type NodeProto,
  type OperatorSetIdProto,
} from "./generated/onnx-ml_pb.ts";
import type { Attribute, AttributeKind, Attributes, FunctionDefinition, Graph, Initializer, Node } from "./model.ts";
import { type ReadContext, readSparseTensor, readTensor } from "./read-tensor.ts";
import { readValueInfo } from "./read-type.ts";
import { decodeText } from "./text.ts";

/** A graph of the file, nodes in the file's order. Initializers that IR 3 also lists among the inputs are no inputs. */
export function readGraph(proto: GraphProto, depth: number, context: ReadContext): Graph {
  const { limits } = context;
  const where = depth === 0 ? "graph" : `subgraph ${quote(proto.name)}`;
  if (depth > limits.graphDepth) {
    throw new OnnxError(
      "LIMIT_EXCEEDED",
      `${where}: expected graphs nested at most ${limits.graphDepth} deep, got more`,
    );
  }
  const initializers = new Map<string, Initializer>();
  const add = (initializer: Initializer) => {
    if (initializer.name === "" || initializers.has(initializer.name)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected each initializer to have a name of its own, got ${quote(initializer.name)}`,
      );
    }
    initializers.set(initializer.name, initializer);
  };
  for (const tensor of proto.initializer) {
    add(readTensor(tensor, `initializer ${quote(tensor.name)}`, context));
  }
  for (const tensor of proto.sparseInitializer) {
    add(readSparseTensor(tensor, `sparse initializer ${quote(tensor.values?.name ?? "")}`, context));
  }
  return {
    name: proto.name,
    nodes: proto.node.map((node) => readNode(node, depth, context)),
    inputs: proto.input
      .filter(({ name }) => !initializers.has(name))
      .map((input) => readValueInfo(input, `input ${quote(input.name)}`, limits)),
    outputs: proto.output.map((output) => readValueInfo(output, `output ${quote(output.name)}`, limits)),
    initializers,
  };
}

/** A function that the model defines. */
export function readFunction(proto: FunctionProto, context: ReadContext): FunctionDefinition {
  const where = `function ${quote(proto.name)}`;
  return {
    name: proto.name,
    domain: standardDomain(proto.domain),
    overload: proto.overload,
    inputs: proto.input,
    outputs: proto.output,
    attributes: proto.attribute,
    defaults: readAttributes(proto.attributeProto, where, 0, context),
    opsets: readOpsets(proto.opsetImport, where),
    nodes: proto.node.map((node) => readNode(node, 0, context)),
  };
}

/** Operator set versions by domain. */
export function readOpsets(imports: readonly OperatorSetIdProto[], where: string): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const name = standardDomain(domain);
    const known = opsets.get(name);
    if (version < 1n || version >= 2n ** 31n) {
      throw new OnnxError("MALFORMED_MODEL", `${where}: expected opset versions of 1 and more, got ${version}`);
    }
    if (known !== undefined && known !== Number(version)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected one opset for domain ${quote(name)}, got ${known} and ${version}`,
      );
    }
    opsets.set(name, Number(version));
  }
  return opsets;
}

function standardDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

function readNode(proto: NodeProto, depth: number, context: ReadContext): Node {
  const where = `${proto.opType} ${quote(proto.name)}`;
  context.used.nodes++;
  if (context.used.nodes > context.limits.nodes) {
    throw new OnnxError("LIMIT_EXCEEDED", `${where}: expected at most ${context.limits.nodes} nodes, got more`);
  }
  if (proto.opType === "") {
    throw new OnnxError("MALFORMED_MODEL", `node ${quote(proto.name)}: expected an operator, got none`);
  }
  return {
    name: proto.name,
    op: proto.opType,
    domain: standardDomain(proto.domain),
    inputs: proto.input,
    outputs: proto.output,
    attributes: readAttributes(proto.attribute, where, depth, context),
    ...(proto.overload && { overload: proto.overload }),
  };
}

function readAttributes(
  protos: readonly AttributeProto[],
  where: string,
  depth: number,
  context: ReadContext,
): Attributes {
  if (protos.length > context.limits.attributes) {
    throw new OnnxError(
      "LIMIT_EXCEEDED",
      `${where}: expected at most ${context.limits.attributes} attributes, got ${protos.length}`,
    );
  }
  const entries = new Map<string, Attribute>();
  for (const proto of protos) {
    if (proto.name === "" || entries.has(proto.name)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected each attribute to have a name of its own, got ${quote(proto.name)}`,
      );
    }
    entries.set(proto.name, readAttribute(proto, `${where}, attribute ${quote(proto.name)}`, depth, context));
  }
  return Object.fromEntries(entries); // never by assignment: "__proto__" must stay a plain key
}

function readAttribute(proto: AttributeProto, where: string, depth: number, context: ReadContext): Attribute {
  if (proto.refAttrName !== "") {
    return { type: "reference", value: proto.refAttrName, of: kindOf(proto.type, where) };
  }
  const kind = kindOf(proto.type, where);
  switch (kind) {
    case "float":
      return { type: kind, value: proto.f };
    case "int":
      return { type: kind, value: Number(proto.i) };
    case "string":
      return { type: kind, value: decodeText(proto.s, where) };
    case "floats":
      return { type: kind, value: proto.floats };
    case "ints":
      return { type: kind, value: proto.ints.map(Number) };
    case "strings":
      return { type: kind, value: proto.strings.map((text) => decodeText(text, where)) };
    case "tensor":
      if (proto.type === AttributeType.SPARSE_TENSOR) {
        return { type: kind, value: readSparseTensor(present(proto.sparseTensor, where), where, context) };
      }
      return { type: kind, value: readTensor(present(proto.t, where), where, context) };
    case "graph":
      return { type: kind, value: readGraph(present(proto.g, where), depth + 1, context) };
    case "type":
      return { type: kind, value: present(proto.tp, where) };
  }
}

function kindOf(type: AttributeType, where: string): AttributeKind {
  const kind = attributeKinds.get(type);
  if (!kind) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${where}: expected a number, string, tensor, graph, type or a list of numbers or strings, got attribute type ${type}`,
    );
  }
  return kind;
}

const attributeKinds: ReadonlyMap<AttributeType, AttributeKind> = new Map([
  [AttributeType.FLOAT, "float"],
  [AttributeType.INT, "int"],
  [AttributeType.STRING, "string"],
  [AttributeType.TENSOR, "tensor"],
  [AttributeType.SPARSE_TENSOR, "tensor"],
  [AttributeType.GRAPH, "graph"],
  [AttributeType.FLOATS, "floats"],
  [AttributeType.INTS, "ints"],
  [AttributeType.STRINGS, "strings"],
  [AttributeType.TYPE_PROTO, "type"],
]);

function present<T>(value: T | undefined, where: string): T {
  if (value === undefined) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected a value of the stated type, got none`);
  }
  return value;
}

function quote(name: string): string {
  return `'${name.length > 80 ? `${name.slice(0, 80)}…` : name}'`;
}
