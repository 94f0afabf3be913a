import { OnnxError } from "./errors.ts";
import type { Graph, Node } from "./model.ts";

/**
 * Nodes so that each comes after those it reads from, also through its subgraphs; an order that already holds stays.
 * Throws an OnnxError MALFORMED_MODEL that names the nodes on a cycle.
 */
export function sortNodes(nodes: readonly Node[], where: string): readonly Node[] {
  const makers = new Map(nodes.flatMap((node, index) => node.outputs.map((name) => [name, index] as const)));
  makers.delete("");
  const sources = nodes.map((node) => valuesRead(node).flatMap((name) => makers.get(name) ?? []));
  const state = new Uint8Array(nodes.length);
  const sorted: Node[] = [];
  const stack: { index: number; next: number }[] = []; // explicit: chains of nodes are longer than the call stack
  for (let start = 0; start < nodes.length; start++) {
    if (state[start] === UNSEEN) {
      stack.push({ index: start, next: 0 });
      state[start] = OPEN;
    }
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const source = sources[top.index]?.[top.next++];
      if (source === undefined) {
        state[top.index] = DONE;
        sorted.push(nodes[top.index]!);
        stack.pop();
      } else if (state[source] === OPEN) {
        const cycle = stack.slice(stack.findIndex(({ index }) => index === source)).map(({ index }) => nodes[index]!);
        throw new OnnxError("MALFORMED_MODEL", `${where}: expected no cycle, got ${nameAll(cycle)}`);
      } else if (state[source] === UNSEEN) {
        state[source] = OPEN;
        stack.push({ index: source, next: 0 });
      }
    }
  }
  return sorted;
}

const UNSEEN = 0;
const OPEN = 1;
const DONE = 2;

/** Names that a node reads: its inputs, and what its subgraphs take from around them. */
export function valuesRead(node: Node): readonly string[] {
  const captured = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph" ? [...freeValues(attribute.value)] : [],
  );
  return captured.length === 0 ? node.inputs : [...node.inputs, ...captured];
}

function freeValues(graph: Graph): ReadonlySet<string> {
  const read = new Set(graph.nodes.flatMap(valuesRead));
  for (const { name } of graph.outputs) {
    read.add(name);
  }
  const own = [
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ];
  for (const name of own) {
    read.delete(name);
  }
  return read;
}

function nameAll(cycle: readonly Node[]): string {
  const shown = cycle.slice(0, 8).map((node) => `${node.op} '${node.name || (node.outputs[0] ?? "")}'`);
  return `${shown.join(" → ")}${cycle.length > 8 ? ` → … (${cycle.length} nodes)` : ""}`;
}
