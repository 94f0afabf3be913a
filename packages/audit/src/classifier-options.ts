import type { ClassifierOptions } from "@casemate/attacks";
import type { Shape } from "@casemate/tensor";
import { boundsOf } from "./input-bounds.ts";
import type { Contract } from "./schemas/contract.ts";

/** How a model is opened that a contract describes, for samples of this shape in the units of the contract. */
export function classifierOptionsOf(
  { inputs, output }: Contract,
  inputShape: Shape,
  threads?: number,
): ClassifierOptions {
  const input = inputs[0]!;
  const { normalisation } = input;
  return {
    bounds: boundsOf(input),
    inputName: input.name,
    inputShape,
    output: { output: output.name, kind: output.kind },
    ...(input.layout && { layout: input.layout === "NCHW" ? "channels-first" : "channels-last" }),
    ...(normalisation && { normalization: { mean: normalisation.mean, std: normalisation.standardDeviation } }),
    ...(threads !== undefined && { threads }),
  };
}
