import type { Model } from "./model.ts";

/** TODO by the lead */
export function foldBatchNormalization(model: Model, _keep: readonly string[]): Model {
  return model;
}
