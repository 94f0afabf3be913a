import { openClassifier } from "@casemate/attacks";
import {
  certifyPartitions,
  type PartitionCertificate,
  type TrainPartitionsEvent,
  trainPartitions,
  votingModel,
} from "@casemate/defenses";
import { encodeModel, type Model } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { AuditError } from "./errors.ts";
import { openMethod } from "./open-method.ts";
import { type OpenTraining, openTraining } from "./open-training.ts";
import type { DataReport } from "./report.ts";
import type { Contract } from "./schemas/contract.ts";
import type { TrainModelOptions } from "./training-options.ts";
import { dependenciesOf, sha256Of, type TrainingProvenance } from "./training-provenance.ts";
import { version } from "./version.ts";

export interface PartitionModelOptions extends Omit<TrainModelOptions, "evaluation"> {
  /** Parts of the training data, and models that vote. */
  readonly parts: number;
  /** Samples to certify. */
  readonly test: string;
}

export type PartitionModelEvent =
  | TrainPartitionsEvent
  | { readonly type: "assumed"; readonly assumptions: readonly string[] }
  | { readonly type: "certifying"; readonly fraction: number };

/** How many poisoned training samples the predictions of a vote outlive. */
export interface PartitionReport extends TrainingProvenance {
  readonly data: DataReport;
  readonly test: DataReport;
  readonly assumptions: readonly string[];
  readonly parts: number;
  /** Training samples of each part. */
  readonly sizes: readonly number[];
  readonly samples: number;
  /** Right by plurality. */
  readonly voted: number;
  /** Right, and the same whatever so many training samples are put in, taken out or labelled anew; until none is left. */
  readonly certified: readonly { readonly poisoned: number; readonly count: number }[];
  /** By position in the data set. */
  readonly certificates: readonly (PartitionCertificate & { readonly sample: number; readonly label: number })[];
  readonly seconds: number;
}

export interface PartitionedModel {
  /** The vote, as one ONNX file. */
  readonly bytes: Uint8Array;
  readonly contract: Contract;
  readonly report: PartitionReport;
}

/**
 * Deep partition aggregation: trains a model on each part of the data, certifies their vote on samples, and writes it as one model. Throws
 * an AuditError for bad input, and a DefenseError, AttackError or OnnxError for a model that cannot be trained or vote.
 */
export async function* partitionModel(
  options: PartitionModelOptions,
): AsyncGenerator<PartitionModelEvent, PartitionedModel> {
  const started = new Date();
  const { parts, test: path, subject, method: name, methodOptions, norm, epsilon, loop } = options;
  const { signal, ...settings } = loop;
  if (loop.timeLimit !== undefined)
    throw new AuditError("INVALID_OPTION", "time limit: expected none, since votes would depend on the clock");
  const opened = await openTraining({ ...options, evaluation: { data: path, epsilon, attack: "pgd" } });
  const { contract, training, modelFor, classifier } = opened;
  const test = opened.test!;
  const assumptions = [...opened.assumptions, ...leaksOf(options)];
  yield { type: "assumed", assumptions };
  const dependencies = await dependenciesOf(options, opened);
  const method = await openMethod(options, opened);
  try {
    const { timeLimit: _, ...rest } = method.options;
    const { models, sizes } = yield* trainPartitions(({ x }) => modelFor(x), training.samples, { ...rest, parts });
    const found = yield* certificatesOf(models, test.samples.x, classifier, signal);
    const certificates = found.map((each, sample) => ({ ...each, sample, label: test.samples.labels[sample]! }));
    const right = certificates.filter((each) => each.class === each.label);
    const most = right.reduce((largest, { tolerated }) => Math.max(largest, tolerated), -1);
    const { output, inputs } = contract;
    const voting = await votingModel(models, {
      inputName: inputs[0]!.name,
      output: { name: output.name, kind: output.kind, classes: output.classes.length },
    });
    const bytes = encodeModel(voting);
    return {
      bytes,
      contract,
      report: {
        casemate: version,
        started: started.toISOString(),
        finished: new Date().toISOString(),
        model: { sha256: sha256Of(bytes) },
        dependencies,
        data: training.report,
        test: test.report,
        settings: { subject, parts, method: name, methodOptions, norm, epsilon, ...settings },
        assumptions,
        parts,
        sizes,
        samples: certificates.length,
        voted: right.length,
        certified: Array.from({ length: most + 1 }, (_, poisoned) => ({
          poisoned,
          count: right.filter(({ tolerated }) => tolerated >= poisoned).length,
        })),
        certificates,
        seconds: (Date.now() - started.getTime()) / 1000,
      },
    };
  } finally {
    await method.dispose();
  }
}

/** What reaches all parts at once, and so is beyond the certificates. */
function leaksOf({ subject, contract, validation }: PartitionModelOptions): readonly string[] {
  return [
    ...("model" in subject ? ["All parts begin with the same weights: nobody may have poisoned those."] : []),
    ...("architecture" in subject && contract === undefined
      ? [
          "Features, ranges and classes were read from the training data: certificates are about poison that leaves them as they are.",
        ]
      : []),
    ...(validation === undefined
      ? []
      : ["The validation samples choose the best epoch of all parts: nobody may have poisoned those."]),
  ];
}

const BATCH = 256;

async function* certificatesOf(
  models: readonly Model[],
  { shape, data }: Tensor,
  options: OpenTraining["classifier"],
  signal: AbortSignal | undefined,
): AsyncGenerator<PartitionModelEvent, readonly PartitionCertificate[]> {
  const members = [];
  try {
    for (const model of models) members.push(await openClassifier(model, options));
    const [rows, ...sample] = shape as [number, ...number[]];
    const width = data.length / rows;
    const found: PartitionCertificate[] = [];
    for (let start = 0; start < rows; start += BATCH) {
      signal?.throwIfAborted();
      yield { type: "certifying", fraction: start / rows };
      const end = Math.min(rows, start + BATCH);
      const batch = tensor([end - start, ...sample], data.subarray(start * width, end * width));
      found.push(...(await certifyPartitions(members, batch)));
    }
    return found;
  } finally {
    for (const member of members) await member.dispose();
  }
}
