import type { Graph, Node } from "./model.ts";

/** A node with every value renamed, also within its subgraphs. "" stays: it names no value. */
export function renameNode(node: Node, rename: (name: string) => string): Node {
  const all = (names: readonly string[]) => names.map((name) => (name === "" ? "" : rename(name)));
  const attributes = Object.entries(node.attributes).map(([name, attribute]) =>
    attribute.type === "graph"
      ? [name, { ...attribute, value: renameGraph(attribute.value, rename) }]
      : [name, attribute],
  );
  return { ...node, inputs: all(node.inputs), outputs: all(node.outputs), attributes: Object.fromEntries(attributes) };
}

/** Names that a graph defines: inputs, initializers and what its nodes make, also within their subgraphs. */
export function namesDefined(graph: Graph): readonly string[] {
  const inner = graph.nodes.flatMap(({ outputs, attributes }) => [
    ...outputs.filter((name) => name !== ""),
    ...Object.values(attributes).flatMap((attribute) =>
      attribute.type === "graph" ? namesDefined(attribute.value) : [],
    ),
  ]);
  return [...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...inner];
}

function renameGraph(graph: Graph, rename: (name: string) => string): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renameNode(node, rename)),
    inputs: graph.inputs.map((input) => ({ ...input, name: rename(input.name) })),
    outputs: graph.outputs.map((output) => ({ ...output, name: rename(output.name) })),
    initializers: new Map(
      [...graph.initializers.values()].map((initializer) => {
        const name = rename(initializer.name);
        return [name, { ...initializer, name }];
      }),
    ),
  };
}
