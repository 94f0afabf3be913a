import { OnnxError } from "./errors.ts";
import type { Model, ValueInfo } from "./model.ts";

/**
 * A copy in which these initializers are inputs of the same name, type and shape, so that one session serves a model whose
 * weights change. Throws an OnnxError MALFORMED_MODEL for a name that is none.
 */
export function initializersAsInputs(model: Model, names: readonly string[]): Model {
  if (names.length === 0) return model;
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const inputs = names.map((name): ValueInfo => {
    const found = initializers.get(name);
    if (!found) throw new OnnxError("MALFORMED_MODEL", `graph: expected an initializer '${name}', got none`);
    initializers.delete(name);
    return { name, dtype: found.dtype, shape: found.shape, kind: "tensor" };
  });
  const declared = graph.inputs.filter(({ name }) => !names.includes(name));
  return { ...model, graph: { ...graph, inputs: [...declared, ...inputs], initializers } };
}
