import { readFile } from "node:fs/promises";
import type { Model } from "@casemate/onnx";
import { checkContract } from "./check-contract.ts";
import { parseContract } from "./contract.ts";
import { type ContractDraft, draftContract } from "./draft-contract.ts";
import { AuditError } from "./errors.ts";
import { openModel } from "./inspect-model.ts";
import type { SubjectSpec } from "./options.ts";
import { type ReadSamples, readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";

/** The contract in force for a model, with one sentence for everything in it that was not stated by anybody. */
export async function contractFor(
  model: Model,
  { model: modelPath, contract: given, data }: SubjectSpec,
  read: ReadSamples,
): Promise<{ readonly contract: Contract; readonly assumptions: readonly string[] }> {
  const written = await readContractFor(model, modelPath, given);
  if (written) return { contract: written, assumptions: [] };
  const path = placeOf(modelPath);
  const { contract, inferred } = draftContract(model, await read(data));
  return {
    contract,
    assumptions: [`There is no contract ${path}; one was drafted from the model and the samples.`, ...inferred],
  };
}

function placeOf(modelPath: string): string {
  return modelPath.replace(/(\.onnx)?$/i, ".contract.json");
}

/** The contract that was given for a model, or else the one beside it; undefined where there is none. */
export async function readContractFor(
  model: Model,
  modelPath: string,
  given: string | undefined,
): Promise<Contract | undefined> {
  const path = given ?? placeOf(modelPath);
  const text = await readContract(path, given !== undefined);
  if (text === undefined) return undefined;
  const contract = parseContract(parsed(text, path), `contract ${path}`);
  try {
    checkContract(contract, model);
  } catch (cause) {
    if (!(cause instanceof AuditError)) throw cause;
    throw new AuditError(cause.code, `contract ${path}: ${cause.message}`, { cause });
  }
  return contract;
}

/** Reads the contract in a file, of a model that is not at hand. Throws INVALID_CONTRACT. */
export async function readContractFile(path: string): Promise<Contract> {
  return parseContract(parsed((await readContract(path, true))!, path), `contract ${path}`);
}

/** Drafts the contract of the model in a file, from a sample where one is given. */
export async function draftContractFor(modelPath: string, data?: string): Promise<ContractDraft> {
  const model = await openModel(modelPath);
  return draftContract(model, data === undefined ? undefined : await readSamples(data));
}

async function readContract(path: string, isRequired: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isMissing && !isRequired) return undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError("INVALID_CONTRACT", `contract ${path}: cannot be read: ${reason}`, { cause });
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError("INVALID_CONTRACT", `contract ${path}: not JSON: ${reason}`, { cause });
  }
}
