import { cnn, mlp, resNet, standardizationOf, textCnn } from "@casemate/defenses";
import type { Model } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { checkContract } from "./check-contract.ts";
import { readContractFile } from "./contract-file.ts";
import { type ContractDraft, type ContractSample, draftContract } from "./draft-contract.ts";
import { AuditError } from "./errors.ts";
import { readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";

export type ArchitectureName = "mlp" | "cnn" | "resnet" | "text-cnn";

/** A network to begin anew with. */
export interface NewNetwork {
  readonly architecture: ArchitectureName;
  /** How many tokens `text-cnn` knows; one more than the largest in the samples if absent. */
  readonly vocabulary?: number;
}

export interface NewNetworkOptions {
  /** Samples that it is to be trained on, which say what it takes. */
  readonly data: string;
  /** A contract whose features, ranges and classes hold for it. */
  readonly contract?: string;
  readonly seed: number;
}

/**
 * A network with initial weights for these samples, with its contract. An `mlp` for tables standardises their features inside;
 * `modelFor` gives the one that does so by some of the samples.
 * Throws an AuditError INVALID_OPTION or INVALID_DATA for samples that it cannot take, INVALID_CONTRACT for a contract of others.
 */
export async function newNetwork(
  { architecture, vocabulary }: NewNetwork,
  { data, contract: contractPath, seed }: NewNetworkOptions,
): Promise<ContractDraft & { readonly model: Model; readonly modelFor: (x: Tensor) => Model }> {
  const sample = await readSamples(data);
  const given = contractPath === undefined ? undefined : await readContractFile(contractPath);
  if (vocabulary !== undefined && architecture !== "text-cnn") {
    throw new AuditError("INVALID_OPTION", `--vocabulary: expected text-cnn, got ${architecture}, which has none`);
  }
  const size = { inputShape: sample.x.shape.slice(1), classes: classesOf(sample, given), seed };
  const said: string[] = [];
  const isTable = size.inputShape.length === 1;
  if (architecture === "mlp" && isTable)
    said.push("Features are standardised inside the model, by mean and deviation of the samples it is trained on.");
  const tokens = architecture === "text-cnn" ? (vocabulary ?? largestToken(sample.x, data) + 1) : 0;
  const builders: Record<ArchitectureName, (x: Tensor) => Model> = {
    cnn: () => cnn(size),
    mlp: (x) => mlp({ ...size, ...(isTable && x.shape[0]! > 0 && { standardization: standardizationOf(x) }) }),
    resnet: () => resNet(size),
    "text-cnn": () => textCnn({ ...size, vocabulary: tokens }),
  };
  const modelFor = builders[architecture];
  const model = modelFor(sample.x);
  const isBytes = sample.sourceDtype === "uint8";
  const draft = draftContract(
    model,
    isBytes ? { ...sample, range: { lower: 0, upper: 1 }, sourceDtype: "float32" } : sample,
  );
  if (!given) return { model, modelFor, contract: draft.contract, inferred: [...draft.inferred, ...said] };
  const contract = adopted(given, draft.contract);
  checkContract(contract, model);
  return { model, modelFor, contract, inferred: said };
}

function classesOf({ labelNames, labels }: ContractSample, given: Contract | undefined): number {
  return (
    given?.output.classes.length ?? labelNames?.length ?? labels.reduce((most, each) => Math.max(most, each), 0) + 1
  );
}

function largestToken({ shape, data }: Tensor, path: string): number {
  const width = data.length / shape[0]!;
  const wrong = data.findIndex((each) => !Number.isInteger(each) || each < 0);
  if (wrong >= 0) {
    throw new AuditError(
      "INVALID_DATA",
      `${path}: sample ${Math.floor(wrong / width)}: expected tokens, whole numbers from 0, got ${data[wrong]}`,
    );
  }
  return data.reduce((most, each) => Math.max(most, each), 0);
}

/** What a contract says of samples and classes, under the names of the new network. */
function adopted({ inputs, output: { classes } }: Contract, draft: Contract): Contract {
  const { name, dtype, shape } = draft.inputs[0]!;
  return { ...draft, inputs: [{ ...inputs[0]!, name, dtype, shape }], output: { ...draft.output, classes } };
}
