import { type LabelledSamples, type TrainOptions, takesTokens } from "@casemate/defenses";
import type { Model } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { attackSpaceOf } from "./attack-space.ts";
import { classifierOptionsOf } from "./classifier-options.ts";
import { contractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { constraintsOf } from "./feature-rules.ts";
import { mutableMask } from "./input-bounds.ts";
import { openModel } from "./inspect-model.ts";
import { type NewNetwork, newNetwork } from "./new-network.ts";
import type { DataReport } from "./report.ts";
import { openSamples, readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";
import type { TrainModelOptions } from "./training-options.ts";

/** What a training is made from: the model as it begins, its contract and the samples. */
export interface OpenTraining {
  readonly model: Model;
  /** The model that a training on some of the samples begins with; an `mlp` standardises by them alone. */
  readonly modelFor: (x: Tensor) => Model;
  readonly contract: Contract;
  readonly assumptions: readonly string[];
  readonly training: OpenData;
  readonly validation: OpenData | undefined;
  readonly test: OpenData | undefined;
  readonly classifier: TrainOptions["classifier"];
  ball(norm: "linf" | "l2" | "l1", epsilon: number): NonNullable<TrainOptions["ball"]>;
}

export interface OpenData {
  readonly samples: LabelledSamples;
  readonly report: DataReport;
}

/** Reads all that a training needs. Throws an AuditError for bad input. */
export async function openTraining(options: TrainModelOptions): Promise<OpenTraining> {
  const { subject, data, loop } = options;
  const assumptions: string[] = [];
  const { model, modelFor, contract } = await ("model" in subject ? fromFile(subject.model) : anew(subject));
  const opening = async (path: string | undefined): Promise<OpenData | undefined> => {
    if (path === undefined) return undefined;
    const { x, labels, report, assumptions: assumed } = await openSamples(path, contract, readSamples);
    assumptions.push(...assumed);
    return { samples: { x, labels }, report };
  };
  const training = (await opening(data))!;
  const validation = await opening(options.validation);
  const test = (await opening(options.evaluation?.data)) ?? validation;
  if (options.evaluation && !test) {
    throw new AuditError("INVALID_OPTION", "expected --test or --validation samples to measure before and after on");
  }
  const input = contract.inputs[0]!;
  const inputShape = training.samples.x.shape.slice(1);
  const classifier = classifierOptionsOf(contract, inputShape);
  const space = attackSpaceOf(input, inputShape);
  const scale = space.toContractRadius(1);
  const mask = mutableMask(input);
  const constraints = constraintsOf(input, undefined);
  assumptions.push(...space.assumptions);
  if (takesTokens(model)) assumptions.push(TOKENS);
  return {
    model,
    modelFor,
    contract,
    assumptions,
    training,
    validation,
    test,
    classifier,
    ball: (norm, epsilon) => ({
      norm,
      epsilon,
      ...(typeof scale !== "number" && { scale }),
      ...(mask && { mask }),
      ...(constraints && { constraints }),
    }),
  };

  async function fromFile(path: string) {
    const found = await openModel(path);
    const given = await contractFor(
      found,
      { model: path, data, ...(options.contract !== undefined && { contract: options.contract }) },
      readSamples,
    );
    assumptions.push(...given.assumptions);
    return { model: found, modelFor: () => found, contract: given.contract };
  }

  async function anew(network: NewNetwork) {
    const { contract: given } = options;
    const made = await newNetwork(network, {
      data,
      seed: loop.seed ?? 0,
      ...(given !== undefined && { contract: given }),
    });
    assumptions.push(...made.inferred);
    return made;
  }
}

const TOKENS =
  "The input takes tokens, which have no ball around them: the best epoch is chosen by clean accuracy only, and nothing is attacked.";
