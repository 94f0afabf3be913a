import type { Initializer, Model, Node } from "./model.ts";

/**
 * The model with its float32 `Constant` nodes as initializers of the same names, as training looks for weights: some exporters write
 * every weight as a node. Computes the same; the very model where there is none. Nodes whose value is an output of the graph, and
 * those in the branches of others, stay.
 */
export function constantsAsInitializers(model: Model): Model {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const found = new Map(
    graph.nodes.flatMap((node) => {
      const constant = float32Of(node);
      return constant && !outputs.has(constant.name) ? [[node, constant] as const] : [];
    }),
  );
  if (found.size === 0) return model;
  const initializers = new Map(graph.initializers);
  for (const constant of found.values()) initializers.set(constant.name, constant);
  return {
    ...model,
    irVersion: Math.max(model.irVersion, 4), // before it, each initializer was an input too
    graph: { ...graph, nodes: graph.nodes.filter((node) => !found.has(node)), initializers },
  };
}

function float32Of({ op, domain, attributes: { value }, outputs }: Node): Initializer | undefined {
  const isFloat32 = op === "Constant" && domain === "" && value?.type === "tensor" && value.value.dtype === "float32";
  return isFloat32 ? { ...value.value, name: outputs[0]! } : undefined;
}
