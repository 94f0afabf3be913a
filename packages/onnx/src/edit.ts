import { OnnxError } from "./errors.ts";
import { freshPrefix } from "./fresh-names.ts";
import { GraphBuilder } from "./graph-builder.ts";
import type { Graph, Initializer, Model, Node } from "./model.ts";
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
