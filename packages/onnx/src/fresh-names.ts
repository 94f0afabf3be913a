import type { Graph, Node } from "./model.ts";

/** A start for new names that no value of the graph has. */
export function freshPrefix(graph: Graph, word: string): string {
  const names = namesOf(graph);
  let prefix = `${word}/`;
  while (names.some((name) => name.startsWith(prefix))) {
    prefix = `_${prefix}`;
  }
  return prefix;
}

/** A function that gives a name as it is if the graph does not have it, else with marks behind it; never the same twice. */
export function freshNames(graph: Graph): (name: string) => string {
  const taken = new Set(namesOf(graph));
  return (name) => {
    let fresh = name;
    while (taken.has(fresh)) {
      fresh += "'";
    }
    taken.add(fresh);
    return fresh;
  };
}

function namesOf(graph: Graph): string[] {
  return [...graph.nodes.flatMap(namesIn), ...graph.inputs.map((input) => input.name), ...graph.initializers.keys()];
}

function namesIn(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph" ? namesOf(attribute.value) : [],
  );
  return [...node.outputs, ...inner];
}
