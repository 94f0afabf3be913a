import type { Graph, Node } from "./model.ts";

/** The graph without nodes and weights that no output needs. Inputs stay, used or not. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((name) => needed.has(name))) {
      kept.push(node);
      for (const name of namesUsedBy(node)) {
        needed.add(name);
      }
    }
  }
  return {
    ...graph,
    nodes: kept.reverse(),
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
  };
}

/** Names that a node reads, those that its subgraphs take from outside included. */
export function namesUsedBy(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph"
      ? [...attribute.value.nodes.flatMap(namesUsedBy), ...attribute.value.outputs.map((output) => output.name)]
      : [],
  );
  return [...node.inputs, ...inner];
}
