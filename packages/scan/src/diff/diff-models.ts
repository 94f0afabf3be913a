import { createHash } from "node:crypto";
import {
  type Attribute,
  type Graph,
  type Initializer,
  initializerTensor,
  type Model,
  type Node,
  OnnxError,
} from "@casemate/onnx";

/** How a tensor of one model differs from that of the same name in another. */
export interface TensorDifference {
  readonly name: string;
  readonly change: "changed" | "added" | "removed" | "reshaped";
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Of the tensor in the first model, where that differs. */
  readonly shapeBefore?: readonly number[];
  /** Largest difference of two elements. */
  readonly largest?: number;
  /** Length of the difference over the length of the tensor before, both L2. */
  readonly relative?: number;
  /** Elements that differ. */
  readonly elements?: number;
}

export interface NodeDifference {
  readonly node: string;
  readonly change: "changed" | "added" | "removed";
  /** What of it changed: its operator, an input, an attribute. */
  readonly what: readonly string[];
}

/** What changed from one model to another. */
export interface ModelDifference {
  readonly tensors: readonly TensorDifference[];
  readonly nodes: readonly NodeDifference[];
  /** Inputs, outputs, operator sets and metadata that differ, in words. */
  readonly interface: readonly string[];
  readonly unchangedTensors: number;
  readonly unchangedNodes: number;
}

/** Compares two models tensor by tensor and node by node; branches and functions too. What only changed its place is unchanged. */
export function diffModels(before: Model, after: Model): ModelDifference {
  const tensors = diffTensors(tensorsOf(before), tensorsOf(after));
  const nodes = diffNodes(nodesOf(before), nodesOf(after));
  return { ...tensors, ...nodes, interface: diffInterface(before, after) };
}

function tensorsOf({ graph }: Model): ReadonlyMap<string, Initializer> {
  const found = new Map<string, Initializer>();
  const visit = (each: Graph, path: string): void => {
    for (const [name, initializer] of each.initializers) found.set(`${path}${name}`, initializer);
    for (const node of each.nodes) {
      for (const attribute of Object.values(node.attributes)) {
        if (attribute.type === "tensor") found.set(`${path}${node.outputs[0] ?? node.name}`, attribute.value);
        else if (attribute.type === "graph") visit(attribute.value, `${path}${labelOf(node)}/`);
      }
    }
  };
  visit(graph, "");
  return found;
}

function diffTensors(before: ReadonlyMap<string, Initializer>, after: ReadonlyMap<string, Initializer>) {
  const tensors: TensorDifference[] = [];
  let unchangedTensors = 0;
  for (const [name, now] of after) {
    const then = before.get(name);
    if (!then) tensors.push({ name, change: "added", dtype: now.dtype, shape: now.shape });
    else if (String(then.shape) !== String(now.shape) || then.dtype !== now.dtype) {
      tensors.push({ name, change: "reshaped", dtype: now.dtype, shape: now.shape, shapeBefore: then.shape });
    } else {
      const difference = compare(then, now);
      if (difference) tensors.push({ name, change: "changed", dtype: now.dtype, shape: now.shape, ...difference });
      else unchangedTensors++;
    }
  }
  for (const [name, then] of before) {
    if (!after.has(name)) tensors.push({ name, change: "removed", dtype: then.dtype, shape: then.shape });
  }
  return { tensors, unchangedTensors };
}

/** Undefined where every element is the same. Types that cannot be computed with are compared by their bytes. */
function compare(
  then: Initializer,
  now: Initializer,
): Pick<TensorDifference, "largest" | "relative" | "elements"> | undefined {
  const [a, b] = [valuesOf(then), valuesOf(now)];
  if (!a || !b) return rawOf(then) === rawOf(now) ? undefined : {};
  let largest = 0;
  let elements = 0;
  let squares = 0;
  let length = 0;
  for (let index = 0; index < b.length; index++) {
    const [x, y] = [Number(a[index]), Number(b[index])];
    length += x * x;
    if (Object.is(x, y)) continue;
    elements++;
    const difference = Math.abs(y - x);
    largest = Math.max(largest, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    squares += difference * difference;
  }
  if (elements === 0) return undefined;
  return { largest, elements, relative: length === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(squares / length) };
}

function valuesOf(initializer: Initializer): ArrayLike<number | bigint> | undefined {
  if (initializer.dtype === "string") return undefined;
  try {
    return initializerTensor(initializer).data as ArrayLike<number | bigint>;
  } catch (error) {
    if (error instanceof OnnxError && error.code === "UNSUPPORTED_OPERATOR") return undefined;
    throw error;
  }
}

function rawOf({ data }: Initializer): string {
  if (data.type === "bytes") return createHash("sha256").update(data.bytes).digest("hex");
  return JSON.stringify(data);
}

function nodesOf({ graph, functions }: Model): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  const visit = (nodes: readonly Node[], path: string): void => {
    for (const node of nodes) {
      found.set(`${path}${labelOf(node)}`, node);
      for (const attribute of Object.values(node.attributes)) {
        if (attribute.type === "graph") visit(attribute.value.nodes, `${path}${labelOf(node)}/`);
      }
    }
  };
  visit(graph.nodes, "");
  for (const { name, domain, nodes } of functions) visit(nodes, `${domain}.${name}/`);
  return found;
}

/** A node goes by what it gives: names may be left out, outputs may not. */
function labelOf({ name, op, outputs }: Node): string {
  return outputs.find((output) => output !== "") ?? (name === "" ? op : name);
}

function diffNodes(before: ReadonlyMap<string, Node>, after: ReadonlyMap<string, Node>) {
  const nodes: NodeDifference[] = [];
  let unchangedNodes = 0;
  for (const [label, now] of after) {
    const then = before.get(label);
    const node = `${now.op} '${label}'`;
    const what = then ? changesOf(then, now) : [];
    if (!then) nodes.push({ node, change: "added", what: [] });
    else if (what.length > 0) nodes.push({ node, change: "changed", what });
    else unchangedNodes++;
  }
  for (const [label, then] of before) {
    if (!after.has(label)) nodes.push({ node: `${then.op} '${label}'`, change: "removed", what: [] });
  }
  return { nodes, unchangedNodes };
}

function changesOf(then: Node, now: Node): readonly string[] {
  const changes: string[] = [];
  if (then.op !== now.op || then.domain !== now.domain) changes.push(`operator ${then.op} became ${now.op}`);
  if (String(then.inputs) !== String(now.inputs)) changes.push(`inputs [${then.inputs}] became [${now.inputs}]`);
  for (const name of new Set([...Object.keys(then.attributes), ...Object.keys(now.attributes)])) {
    const [a, b] = [textOf(then.attributes[name]), textOf(now.attributes[name])];
    if (a !== b) changes.push(`${name} ${a ?? "(absent)"} became ${b ?? "(absent)"}`);
  }
  return changes;
}

/** Graphs and tensors are compared on their own. */
function textOf(attribute: Attribute | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  return attribute.type === "graph" || attribute.type === "tensor" || attribute.type === "type"
    ? attribute.type
    : JSON.stringify(attribute.value);
}

function diffInterface(before: Model, after: Model): readonly string[] {
  const changes: string[] = [];
  const compareMaps = (what: string, then: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): void => {
    for (const key of new Set([...then.keys(), ...now.keys()])) {
      const [a, b] = [then.get(key), now.get(key)].map((value) =>
        value === undefined ? "absent" : JSON.stringify(value),
      );
      if (a !== b) changes.push(`${what} '${key}': ${a} became ${b}`);
    }
  };
  const values = (list: Graph["inputs"]) =>
    new Map(list.map(({ name, dtype, shape }) => [name, `${dtype} [${shape?.map((each) => each ?? "?") ?? "?"}]`]));
  compareMaps("input", values(before.graph.inputs), values(after.graph.inputs));
  compareMaps("output", values(before.graph.outputs), values(after.graph.outputs));
  compareMaps("operator set", before.opsets, after.opsets);
  compareMaps("metadata", before.metadata, after.metadata);
  return changes;
}
