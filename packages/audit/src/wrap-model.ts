import { type OutputHardening, type Purification, wrapModel as wrap } from "@casemate/defenses";
import { encodeModel } from "@casemate/onnx";
import { classifierOptionsOf } from "./classifier-options.ts";
import { draftContractFor, readContractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { openModel } from "./inspect-model.ts";
import type { Contract } from "./schemas/contract.ts";

export interface WrapModelOptions {
  readonly purify: readonly Purification[];
  readonly hardenOutput: readonly OutputHardening[];
  /** The contract; else the one beside the model, else one drafted from the model and `data`. */
  readonly contract?: string;
  readonly data?: string;
}

/** A model with defences before and behind it, and the contract of both. */
export interface WrappedModel {
  readonly bytes: Uint8Array;
  readonly contract: Contract;
  readonly assumptions: readonly string[];
}

/** Reads a model and puts defences before and behind it. Throws an AuditError, or a DefenseError for what it cannot have. */
export async function wrapModel(path: string, options: WrapModelOptions): Promise<WrappedModel> {
  const { purify, hardenOutput } = options;
  if (purify.length + hardenOutput.length === 0) {
    throw new AuditError("INVALID_OPTION", "wrap: expected a defence, --purify or --harden-output, got none");
  }
  const model = await openModel(path);
  const written = await readContractFor(model, path, options.contract);
  const { contract, inferred } = written
    ? { contract: written, inferred: [] }
    : await draftContractFor(path, options.data);
  const input = contract.inputs[0]!;
  const shape = input.shape.slice(1);
  if (shape.some((size) => size === null)) {
    throw new AuditError("INVALID_OPTION", `input '${input.name}': expected a known shape of a sample, got [${shape}]`);
  }
  const inputShape = shape as number[];
  const { bounds, layout, normalization } = classifierOptionsOf(contract, inputShape);
  if (normalization && purify.length > 0) {
    const expected = "a model that takes values in the range of its contract";
    throw new AuditError(
      "INVALID_OPTION",
      `wrap: expected ${expected} to purify, got one with a normalisation before it`,
    );
  }
  const wrapped = await wrap(model, {
    purify,
    hardenOutput,
    bounds,
    inputName: input.name,
    inputShape,
    ...(layout && { layout }),
    output: { name: contract.output.name, kind: contract.output.kind, classes: contract.output.classes.length },
  });
  return { bytes: encodeModel(wrapped), contract, assumptions: inferred };
}
