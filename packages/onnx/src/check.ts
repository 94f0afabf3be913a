import { OnnxError } from "./errors.ts";
import type { FunctionDefinition, Graph, Model, Node } from "./model.ts";
import { sortNodes } from "./topological-order.ts";

/**
 * Checks what the file format alone does not give: versions, one definition for each name, inputs that exist, no cycles.
 * Returns the model with its nodes in topological order; throws an OnnxError.
 */
export function checkModel(model: Model): Model {
  checkVersion("IR version", model.irVersion, IR_VERSIONS);
  for (const [domain, range] of OPSETS) {
    const version = model.opsets.get(domain);
    if (version !== undefined) {
      checkVersion(`opset of ${domain || "ai.onnx"}`, version, range);
    }
  }
  const functions = new Set<string>();
  for (const definition of model.functions) {
    const key = JSON.stringify([definition.domain, definition.name, definition.overload]);
    if (functions.has(key)) {
      throw new OnnxError("MALFORMED_MODEL", `function '${definition.name}': expected one definition, got two`);
    }
    functions.add(key);
  }
  return {
    ...model,
    graph: checkGraph(model.graph, undefined, model.opsets, "graph"),
    functions: model.functions.map(checkFunction),
  };
}

// What onnxruntime 1.30 accepts, found by asking it.
const IR_VERSIONS = [3, 13] as const;
const OPSETS: readonly (readonly [domain: string, range: readonly [number, number]])[] = [
  ["", [7, 26]],
  ["ai.onnx.ml", [1, 5]],
];

function checkVersion(what: string, version: number, [lowest, highest]: readonly [number, number]): void {
  if (version < lowest || version > highest) {
    throw new OnnxError("UNSUPPORTED_VERSION", `model: expected ${what} ${lowest} to ${highest}, got ${version}`);
  }
}

/** Names that a graph can see: its own and, for a subgraph, those around it. */
interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

function isVisible(name: string, scope: Scope | undefined): boolean {
  return scope !== undefined && (scope.names.has(name) || isVisible(name, scope.outer));
}

function checkGraph(graph: Graph, outer: Scope | undefined, opsets: ReadonlyMap<string, number>, where: string): Graph {
  const names = new Set<string>();
  const define = (name: string, what: string) => {
    if (names.has(name) || isVisible(name, outer)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected one definition of value '${name}', got another by ${what}`,
      );
    }
    names.add(name);
  };
  for (const { name } of graph.inputs) {
    if (name === "") {
      throw new OnnxError("MALFORMED_MODEL", `${where}: expected a name for each input, got ''`);
    }
    define(name, "an input");
  }
  for (const name of graph.initializers.keys()) {
    define(name, "an initializer");
  }
  for (const node of graph.nodes) {
    for (const name of node.outputs.filter((output) => output !== "")) {
      define(name, describe(node));
    }
  }
  const scope = { names, outer };
  const nodes = checkNodes(graph.nodes, scope, opsets, where);
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (!isVisible(name, scope) || outputs.has(name)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected each output to be a value, once, got '${name}' ${outputs.has(name) ? "twice" : "that nothing makes"}`,
      );
    }
    outputs.add(name);
  }
  return { ...graph, nodes };
}

function checkFunction(definition: FunctionDefinition): FunctionDefinition {
  const where = `function '${definition.name}'`;
  const names = new Set<string>();
  const defined = [...definition.inputs, ...definition.nodes.flatMap(({ outputs }) => outputs)];
  for (const name of defined.filter((value) => value !== "")) {
    if (names.has(name)) {
      throw new OnnxError("MALFORMED_MODEL", `${where}: expected one definition of value '${name}', got two`);
    }
    names.add(name);
  }
  for (const name of definition.outputs) {
    if (!names.has(name)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${where}: expected each output to be a value, got '${name}' that nothing makes`,
      );
    }
  }
  return { ...definition, nodes: checkNodes(definition.nodes, { names, outer: undefined }, definition.opsets, where) };
}

function checkNodes(
  nodes: readonly Node[],
  scope: Scope,
  opsets: ReadonlyMap<string, number>,
  where: string,
): readonly Node[] {
  const checked = nodes.map((node): Node => {
    if (!opsets.has(node.domain)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${describe(node)}: expected an opset import for domain '${node.domain || "ai.onnx"}', got none`,
      );
    }
    for (const name of node.inputs) {
      if (name !== "" && !isVisible(name, scope)) {
        throw new OnnxError(
          "MALFORMED_MODEL",
          `${describe(node)}: expected inputs that exist, got '${name}' that nothing makes`,
        );
      }
    }
    const attributes = Object.entries(node.attributes);
    if (!attributes.some(([, { type }]) => type === "graph")) {
      return node;
    }
    const inside = attributes.map(([name, attribute]) =>
      attribute.type === "graph"
        ? [name, { ...attribute, value: checkGraph(attribute.value, scope, opsets, `${describe(node)}, ${name}`) }]
        : [name, attribute],
    );
    return { ...node, attributes: Object.fromEntries(inside) };
  });
  return sortNodes(checked, where);
}

function describe(node: Node): string {
  return `${node.op} '${node.name || (node.outputs[0] ?? "")}'`;
}
