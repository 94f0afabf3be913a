import { OnnxError } from "./errors.ts";
import { freshNames } from "./fresh-names.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { Attribute, Attributes, FunctionDefinition, Graph, Model, Node } from "./model.ts";
import { renameNode } from "./rename-values.ts";

/**
 * Replaces every call of a function that the model defines by the function's nodes, functions within functions too. Throws
 * an OnnxError for functions that call themselves, that are written for another opset, or that grow without end.
 */
export function inlineFunctions(model: Model, limits: Pick<Limits, "nodes"> = defaultLimits): Model {
  if (model.functions.length === 0) {
    return model;
  }
  const inlining = new Inlining(model, limits.nodes);
  const graph = inlining.graph(model.graph);
  return { ...model, graph, functions: [], opsets: inlining.opsets };
}

class Inlining {
  readonly opsets: Map<string, number>;
  readonly #functions: ReadonlyMap<string, FunctionDefinition>;
  readonly #fresh: (name: string) => string;
  readonly #open: FunctionDefinition[] = [];
  readonly #limit: number;
  #count = 0;

  constructor(model: Model, limit: number) {
    this.#limit = limit;
    this.opsets = new Map(model.opsets);
    this.#functions = new Map(model.functions.map((each) => [keyOf(each.domain, each.name, each.overload), each]));
    this.#fresh = freshNames(model.graph);
  }

  graph(graph: Graph): Graph {
    return { ...graph, nodes: graph.nodes.flatMap((node) => this.#node(node)) };
  }

  #node(node: Node): readonly Node[] {
    const definition = this.#functions.get(keyOf(node.domain, node.op, node.overload ?? ""));
    if (definition) {
      return this.#call(node, definition);
    }
    this.#count++;
    if (this.#count > this.#limit) {
      throw new OnnxError("LIMIT_EXCEEDED", `functions: expected at most ${this.#limit} nodes when inlined, got more`);
    }
    const attributes = Object.entries(node.attributes).map(([name, attribute]) =>
      attribute.type === "graph" ? [name, { ...attribute, value: this.graph(attribute.value) }] : [name, attribute],
    );
    return [{ ...node, attributes: Object.fromEntries(attributes) }];
  }

  #call(call: Node, definition: FunctionDefinition): readonly Node[] {
    if (this.#open.includes(definition)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `function '${definition.name}': expected one that does not call itself, got one that does`,
      );
    }
    this.#importOpsets(definition);
    const label = call.name || (call.outputs.find((name) => name !== "") ?? call.op);
    const names = new Map(definition.inputs.map((name, index) => [name, call.inputs[index] ?? ""]));
    const copies: Node[] = [];
    for (const [index, name] of definition.outputs.entries()) {
      const wanted = call.outputs[index] ?? "";
      const taken = names.get(name);
      if (wanted !== "" && taken === undefined) {
        names.set(name, wanted);
      } else if (wanted !== "") {
        copies.push(identity(taken ?? "", wanted)); // an input handed through, or one value under two names
      }
    }
    const rename = (name: string): string => {
      const known = names.get(name) ?? this.#fresh(`${label}/${name}`);
      names.set(name, known);
      return known;
    };
    const values = { ...definition.defaults, ...call.attributes };
    this.#open.push(definition);
    const nodes = definition.nodes.flatMap((node) =>
      this.#node({
        ...renameNode(resolveReferences(node, values), rename),
        name: node.name && `${label}/${node.name}`,
      }),
    );
    this.#open.pop();
    return [...nodes, ...copies];
  }

  #importOpsets({ name, opsets }: FunctionDefinition): void {
    for (const [domain, version] of opsets) {
      const known = this.opsets.get(domain) ?? version;
      if (known !== version) {
        throw new OnnxError(
          "UNSUPPORTED_VERSION",
          `function '${name}': expected opset ${known} of ${domain || "ai.onnx"} as in the model, got ${version}`,
        );
      }
      this.opsets.set(domain, version);
    }
  }
}

/** A node of a function with references to the function's attributes replaced; those that the call leaves out are dropped. */
function resolveReferences(node: Node, values: Attributes): Node {
  const attributes = Object.entries(node.attributes).flatMap(([name, attribute]): [string, Attribute][] => {
    if (attribute.type === "reference") {
      const value = Object.hasOwn(values, attribute.value) ? values[attribute.value] : undefined;
      return value ? [[name, value]] : [];
    }
    if (attribute.type === "graph") {
      const nodes = attribute.value.nodes.map((inner) => resolveReferences(inner, values));
      return [[name, { ...attribute, value: { ...attribute.value, nodes } }]];
    }
    return [[name, attribute]];
  });
  return { ...node, attributes: Object.fromEntries(attributes) };
}

function identity(from: string, to: string): Node {
  return { name: to, op: "Identity", domain: "", inputs: [from], outputs: [to], attributes: {} };
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain, name, overload]);
}
