import { OnnxError } from "./errors.ts";
import { freshPrefix } from "./fresh-names.ts";
import { GraphBuilder } from "./graph-builder.ts";
import type { Graph, Initializer, Model, Node } from "./model.ts";
import { renameNode } from "./rename-values.ts";
import type { Value } from "./value.ts";

/** A copy whose nodes read `edit(x)` wherever they read the input `name`; the input itself stays as declared. */
export function editInput(model: Model, name: string, edit: (graph: GraphBuilder, x: Value) => Value): Model {
  const { graph } = model;
  const input = graph.inputs.find((each) => each.name === name);
  if (!input) {
    const names = graph.inputs.map((each) => `'${each.name}'`).join(", ");
    throw new OnnxError("SHAPE_MISMATCH", `expected one of the model's inputs (${names}), got '${name}'`);
  }
  const builder = new GraphBuilder(freshPrefix(graph, `input/${name}`));
  const edited = edit(builder, { name, dtype: input.dtype, shape: undefined });
  const nodes = graph.nodes.map((node) => renameInputs(node, name, edited.name));
  return { ...model, graph: { ...joined(graph, builder), nodes: [...builder.nodes, ...nodes] } };
}

/** A copy with `edit(y)` as its only output, named after `y` where it can be. */
export function editOutput(model: Model, value: Value, edit: (graph: GraphBuilder, y: Value) => Value): Model {
  const { graph } = model;
  const builder = new GraphBuilder(freshPrefix(graph, "output"));
  const edited = edit(builder, value);
  const output = { name: edited.name, dtype: edited.dtype, shape: undefined, kind: "tensor" } as const;
  return {
    ...model,
    graph: { ...joined(graph, builder), nodes: [...graph.nodes, ...builder.nodes], outputs: [output] },
  };
}

/** A copy whose output `name` gives `edit(y)`, everything else as it was: the name, the declared type, the other outputs. */
export function replaceOutput(model: Model, name: string, edit: (graph: GraphBuilder, y: Value) => Value): Model {
  const { graph } = model;
  const output = graph.outputs.find((each) => each.name === name);
  if (output?.kind !== "tensor") {
    const got = output ? `a ${output.kind}` : "none of that name";
    throw new OnnxError("SHAPE_MISMATCH", `output '${name}': expected a tensor, got ${got}`);
  }
  const prefix = freshPrefix(graph, `output/${name}`);
  const raw = `${prefix}raw`;
  const builder = new GraphBuilder(prefix);
  const edited = edit(builder, { name: raw, dtype: output.dtype, shape: undefined });
  const last: Node = {
    name: `${prefix}last`,
    op: "Identity",
    domain: "",
    inputs: [edited.name],
    outputs: [name],
    attributes: {},
  };
  const nodes = graph.nodes.map((node) => renameNode(node, (each) => (each === name ? raw : each)));
  return { ...model, graph: { ...joined(graph, builder), nodes: [...nodes, ...builder.nodes, last] } };
}

function joined(graph: Graph, builder: GraphBuilder): Graph {
  return { ...graph, initializers: new Map<string, Initializer>([...graph.initializers, ...builder.initializers]) };
}

function renameInputs(node: Node, from: string, to: string): Node {
  const attributes = Object.entries(node.attributes).map(([key, attribute]) =>
    attribute.type === "graph"
      ? [
          key,
          {
            ...attribute,
            value: { ...attribute.value, nodes: attribute.value.nodes.map((inner) => renameInputs(inner, from, to)) },
          },
        ]
      : [key, attribute],
  );
  return {
    ...node,
    inputs: node.inputs.map((name) => (name === from ? to : name)),
    attributes: Object.fromEntries(attributes),
  };
}
