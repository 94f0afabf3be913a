import type { AnyTensor } from "@casemate/tensor";
import { OnnxError } from "../errors.ts";
import { tensorInitializer } from "../initializer.ts";
import type { Model } from "../model.ts";

/**
 * The model with other numbers in its initializers: names, types, shapes and all else stay. Throws an OnnxError SHAPE_MISMATCH
 * for a name that is no initializer, or a tensor that does not fit it.
 */
export function withWeights(model: Model, weights: ReadonlyMap<string, AnyTensor>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of weights) {
    const found = initializers.get(name);
    if (!found || found.dtype !== tensor.dtype || `${found.shape}` !== `${tensor.shape}`) {
      const expected = found ? `${found.dtype} [${found.shape}]` : "the name of an initializer";
      throw new OnnxError(
        "SHAPE_MISMATCH",
        `weight '${name}': expected ${expected}, got ${tensor.dtype} [${tensor.shape}]`,
      );
    }
    initializers.set(name, tensorInitializer(name, tensor));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}
