import { tensorInitializer } from "./initializer.ts";
import { inlineConstantIf } from "./inline-constant-if.ts";
import type { Graph, Initializer, Model } from "./model.ts";
import { type Feeds, probe } from "./probe.ts";
import { probeRuns } from "./probe-runs.ts";
import { prune } from "./prune.ts";

/**
 * Inlines each `If` whose condition follows from shapes alone, such as the one that TorchScript writes for `squeeze`: runs of
 * what leads to the conditions tell which branch is always taken.
 */
export async function settleBranches(model: Model, sample?: Feeds): Promise<Model> {
  const conditions = new Set(model.graph.nodes.filter((node) => node.op === "If").map((node) => node.inputs[0]!));
  if (conditions.size === 0) {
    return model;
  }
  const outputs = [...conditions].map((name) => ({ name, dtype: "bool", shape: undefined, kind: "tensor" }) as const);
  const seen = await probe({ ...model, graph: prune({ ...model.graph, outputs }) }, await probeRuns(model, sample));
  const known = [...conditions].flatMap((name) => {
    const tensor = seen.constant(name);
    return tensor ? [tensorInitializer(name, tensor)] : [];
  });
  return known.length === 0 ? model : settleBranches(inlineConstantIf(withConstants(model, known)), sample);
}

/** The model with some values as initializers, in place of the nodes that compute them. */
function withConstants(model: Model, constants: readonly Initializer[]): Model {
  const names = new Map(constants.map((constant) => [constant.name, constant]));
  const graph: Graph = {
    ...model.graph,
    nodes: model.graph.nodes.filter((node) => !node.outputs.every((name) => names.has(name))),
    initializers: new Map([...model.graph.initializers, ...names]),
  };
  return { ...model, graph };
}
