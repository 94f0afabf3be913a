import { freshNames } from "./fresh-names.ts";
import { initializerTensor } from "./initializer.ts";
import type { Graph, Initializer, Model, Node } from "./model.ts";
import { namesDefined, renameNode } from "./rename-values.ts";
import { ValueFacts } from "./value-facts.ts";

/** Replaces every `If` whose condition is an initializer or a Constant by the nodes of the branch that it takes. */
export function inlineConstantIf(model: Model): Model {
  const graph = inlineIn(model.graph, undefined, freshNames(model.graph));
  return graph === model.graph ? model : { ...model, graph };
}

function inlineIn(graph: Graph, outer: ValueFacts | undefined, fresh: (name: string) => string): Graph {
  if (!graph.nodes.some(({ attributes }) => Object.values(attributes).some(({ type }) => type === "graph"))) {
    return graph;
  }
  const facts = new ValueFacts(graph, outer);
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const waiting = [...graph.nodes].reverse();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const branch = takenBranch(node, facts);
    if (branch) {
      const inlined = inlineBranch(node, branch, fresh);
      for (const initializer of inlined.initializers) {
        initializers.set(initializer.name, initializer);
        facts.learnConstant(initializer);
      }
      waiting.push(...[...inlined.nodes].reverse()); // they can hold an If with a known condition in their turn
    } else {
      facts.learn(node);
      nodes.push(withInlinedGraphs(node, facts, fresh));
    }
  }
  return { ...graph, nodes, initializers };
}

function takenBranch(node: Node, facts: ValueFacts): Graph | undefined {
  const condition = node.op === "If" && node.domain === "" ? facts.constant(node.inputs[0] ?? "") : undefined;
  if (condition?.dtype !== "bool") {
    return undefined;
  }
  const branch = node.attributes[initializerTensor(condition).data[0] ? "then_branch" : "else_branch"];
  return branch?.type === "graph" ? branch.value : undefined;
}

function inlineBranch(node: Node, branch: Graph, fresh: (name: string) => string) {
  const made = new Set(branch.nodes.flatMap(({ outputs }) => outputs));
  const names = new Map<string, string>();
  const copies: Node[] = [];
  for (const [index, { name }] of branch.outputs.entries()) {
    const wanted = node.outputs[index] ?? "";
    if (made.has(name) && !names.has(name) && wanted !== "") {
      names.set(name, wanted);
    } else if (wanted !== "") {
      copies.push({ name: wanted, op: "Identity", domain: "", inputs: [name], outputs: [wanted], attributes: {} });
    }
  }
  for (const name of namesDefined(branch)) {
    names.set(name, names.get(name) ?? fresh(name));
  }
  const rename = (name: string) => names.get(name) ?? name;
  const initializers = [...branch.initializers.values()].map((initializer): Initializer => {
    return { ...initializer, name: rename(initializer.name) };
  });
  const handedOn = copies.map((copy) => ({ ...copy, inputs: copy.inputs.map(rename) }));
  return { nodes: [...branch.nodes.map((each) => renameNode(each, rename)), ...handedOn], initializers };
}

function withInlinedGraphs(node: Node, facts: ValueFacts, fresh: (name: string) => string): Node {
  const attributes = Object.entries(node.attributes).map(([name, attribute]) =>
    attribute.type === "graph"
      ? [name, { ...attribute, value: inlineIn(attribute.value, facts, fresh) }]
      : [name, attribute],
  );
  return { ...node, attributes: Object.fromEntries(attributes) };
}
