import { foldBatchNormalization } from "./fold-batch-normalization.ts";
import { inlineConstantIf } from "./inline-constant-if.ts";
import { inlineFunctions } from "./inline-functions.ts";
import type { Model } from "./model.ts";
import type { Feeds } from "./probe.ts";
import { settleBranches } from "./settle-branches.ts";
import { upgradeOpset } from "./upgrade.ts";

/**
 * A copy of the model that computes the same with what gradient rules expect: no model-local functions, no `If` whose
 * condition is constant or follows from shapes, operators in their form since opset 18, and batch normalisation folded into
 * the convolution before it, unless one of its weights is in `keep`.
 */
export async function prepare(model: Model, keep: readonly string[], sample?: Feeds): Promise<Model> {
  const upgraded = upgradeOpset(inlineConstantIf(inlineFunctions(model)));
  return foldBatchNormalization(await settleBranches(upgraded, sample), keep);
}
