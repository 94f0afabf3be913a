import { basename } from "node:path";
import {
  AttackError,
  type Bounds,
  type Classifier,
  type ClassifierOptions,
  type GradientClassifier,
  type OnnxClassifier,
  openClassifier,
  openTreeClassifier,
  type ThreatCurve,
} from "@casemate/attacks";
import type { Dataset, ReadOptions } from "@casemate/data";
import { type Ball, type BoundMethod, openVerifier, type Verifier, type VerifierOptions } from "@casemate/defenses";
import { exposeLogits, type Model, operatorsOf, prepare } from "@casemate/onnx";
import { sizeOf, type Tensor, takeRows } from "@casemate/tensor";
import { attackSpaceOf } from "./attack-space.ts";
import { chooseSamples } from "./checks/sample-choice.ts";
import { classifierOptionsOf } from "./classifier-options.ts";
import { contractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { mutableMask } from "./input-bounds.ts";
import { modelReportOf, openModel } from "./inspect-model.ts";
import type { AuditOptions, SubjectSpec } from "./options.ts";
import type { PictureOptions } from "./picture.ts";
import type { DataReport, ModelReport, Norm } from "./report.ts";
import { openSamples, readSamples, type Samples } from "./samples.ts";
import type { Contract, ContractInput } from "./schemas/contract.ts";

/** What plans are made for: pictures, rows of a table, trees over such rows, or anything else that has gradients. */
export type SubjectKind = "images" | "tables" | "trees" | "other";

/** A model with its contract and samples, read and checked against each other, ready for checks. */
export interface OpenSubject {
  readonly name: string;
  readonly kind: SubjectKind;
  readonly modelReport: ModelReport;
  readonly dataReport: DataReport;
  readonly contract: Contract;
  readonly assumptions: readonly string[];
  readonly classNames: readonly string[];
  readonly featureNames: readonly string[] | undefined;
  /** How a sample becomes a picture; undefined if it is none. */
  readonly image: PictureOptions | undefined;
  /** True classes of the whole data set. */
  readonly labels: Int32Array;
  /** Positions in the data set of the samples to use, in order. */
  readonly samples: readonly number[];
  /** Features of one sample. */
  readonly width: number;
  /** How a sample lies in an input. */
  readonly shape: Pick<Classifier, "inputShape" | "layout">;
  /** Upper less lower bound, the same for all features in the space that attacks work in. */
  readonly rangeWidth: number;
  /** What an attacker may do within these radii, in the space that attacks work in. */
  threat(norm: Norm, epsilons: readonly number[]): ThreatCurve;
  /** Names of operators before the scores that no gradient rule is known for. */
  operatorsWithoutGradient(): Promise<readonly string[]>;
  /** Samples by their position, [samples, ...], in the space that attacks work in. */
  inputs(positions: readonly number[]): Tensor;
  /** Samples by their position in the units of the contract, which bounds work in. */
  contractInputs(positions: readonly number[]): Tensor;
  /** The ball of a radius of the space that attacks work in, in the units of the contract. */
  ball(epsilon: number): Ball;
  /** Opens sound bounds of the model, anew each time. Throws a DefenseError UNSUPPORTED_MODEL where it cannot be bounded. */
  verifier(method: BoundMethod, norm: VerifierOptions["norm"]): Promise<Verifier>;
  /** Values of one sample back in the units of the contract. */
  toContractUnits(values: Float32Array): Float32Array;
  classifier(): Promise<Classifier & Pick<OnnxClassifier, "edits">>;
  /** With `straightThrough`, gradients pass through rounding as if it did nothing. */
  gradientClassifier(options?: { readonly straightThrough?: boolean }): Promise<GradientClassifier>;
  dispose(): Promise<void>;
}

/** Reads models, contracts and samples. Throws an AuditError for the first thing that is wrong with any of them. */
export async function openSubjects(
  specs: readonly SubjectSpec[],
  options: AuditOptions,
): Promise<readonly OpenSubject[]> {
  const subjects: OpenSubject[] = [];
  const datasets = new Map<string, Promise<Dataset>>();
  const read = (path: string, options?: ReadOptions): Promise<Dataset> => {
    const key = JSON.stringify([path, options]);
    const known = datasets.get(key) ?? readSamples(path, options); // models that are compared share their samples
    datasets.set(key, known);
    return known;
  };
  for (const spec of specs) {
    const name = uniqueName(
      spec.model,
      subjects.map((subject) => subject.name),
    );
    const model = await openModel(spec.model);
    const { contract, assumptions } = await contractFor(model, spec, read);
    const samples = await openSamples(spec.data, contract, read);
    subjects.push(subjectOf({ name, path: spec.model, model, contract, assumptions, samples }, options));
  }
  return subjects;
}

interface Parts {
  readonly name: string;
  readonly path: string;
  readonly model: Model;
  readonly contract: Contract;
  readonly assumptions: readonly string[];
  readonly samples: Samples;
}

function subjectOf({ name, path, model, contract, assumptions, samples }: Parts, options: AuditOptions): OpenSubject {
  const input = contract.inputs[0]!;
  const inputShape = samples.x.shape.slice(1);
  const width = sizeOf(inputShape);
  const space = attackSpaceOf(input, inputShape);
  const { bounds } = space;
  const kind = kindOf(input, model);
  const output = { output: contract.output.name, kind: contract.output.kind };
  const mask = mutableMask(input);
  const modelOptions = classifierOptionsOf(contract, inputShape, options.threads);
  const opened = new Map<boolean, Promise<OnnxClassifier>>();
  const open = (straightThrough: boolean): Promise<OnnxClassifier> => {
    const known = opened.get(straightThrough);
    if (known) return known;
    const opening = openWithTrees(model, kind, {
      ...modelOptions,
      straightThrough,
      ...(options.device !== undefined && { device: options.device }),
    }).then((classifier) => refuseOtherClasses(classifier, contract));
    opened.set(straightThrough, opening);
    return opening;
  };
  const scaled = async ({ straightThrough = false } = {}) => {
    const classifier = await open(straightThrough);
    return space.around(classifier);
  };
  return {
    name,
    kind,
    modelReport: modelReportOf(model, path),
    dataReport: samples.report,
    contract,
    assumptions: [...assumptions, ...samples.assumptions, ...space.assumptions],
    classNames: contract.output.classes,
    featureNames: input.features?.map((feature) => feature.name),
    image: pictureOptions(input, bounds),
    labels: samples.labels,
    samples: chooseSamples(samples.labels.length, options.samples ?? samples.labels.length, options.seed ?? 0),
    width,
    shape: { inputShape, ...(modelOptions.layout && { layout: modelOptions.layout }) },
    rangeWidth: space.rangeWidth,
    threat: space.threat,
    operatorsWithoutGradient: async () =>
      operatorsOf(exposeLogits(await prepare(model, []), output).model)
        .filter(({ gradient }) => gradient === "none")
        .map((operator) => operator.name),
    inputs: (positions) => space.inputs(takeRows(samples.x, positions)),
    contractInputs: (positions) => takeRows(samples.x, positions),
    ball: (epsilon) => ({ epsilon: space.toContractRadius(epsilon), ...(mask && { mask }) }),
    verifier: (method, norm) => openVerifier(model, { ...modelOptions, method, ...(norm && { norm }) }),
    toContractUnits: space.toContractUnits,
    classifier: scaled,
    gradientClassifier: scaled,
    async dispose() {
      const opening = [...opened.values()];
      opened.clear();
      for (const each of opening) {
        const classifier = await each.catch(() => undefined); // one that never opened holds nothing
        await classifier?.dispose();
      }
    },
  };
}

/** With its trees, where the model has such that can be read; attacks that need them say so if it has not. */
async function openWithTrees(model: Model, kind: SubjectKind, options: ClassifierOptions): Promise<OnnxClassifier> {
  if (kind !== "trees") return openClassifier(model, options);
  try {
    return await openTreeClassifier(model, options);
  } catch (error) {
    if (error instanceof AttackError && error.code === "UNSUPPORTED_MODEL") return openClassifier(model, options);
    throw error;
  }
}

function kindOf({ kind }: ContractInput, { graph }: Model): SubjectKind {
  if (kind === "image") return "images";
  if (graph.nodes.some(({ op }) => op.startsWith("TreeEnsemble"))) return "trees";
  return kind === "tabular" ? "tables" : "other";
}

/** The file's name without its ending, as a name for folders too; a number tells subjects of the same name apart. */
function uniqueName(path: string, taken: readonly string[]): string {
  const name =
    basename(path)
      .replace(/\.onnx$/i, "")
      .replace(/[^\w.-]+/g, "-")
      .replace(/^\.+/, "") || "model";
  let unique = name;
  for (let count = 2; taken.includes(unique); count++) unique = `${name}-${count}`;
  return unique;
}

function refuseOtherClasses(classifier: OnnxClassifier, { output }: Contract): OnnxClassifier {
  if (classifier.classes === output.classes.length) return classifier;
  throw new AuditError(
    "CONTRACT_MISMATCH",
    `output '${output.name}': contract names ${output.classes.length} classes, the model gives ${classifier.classes}`,
  );
}

function pictureOptions({ kind, layout }: ContractInput, { lower, upper }: Bounds): PictureOptions | undefined {
  if (kind !== "image" || layout === undefined) return undefined;
  const smallest = typeof lower === "number" ? lower : Math.min(...lower);
  const largest = typeof upper === "number" ? upper : Math.max(...upper);
  return { layout, range: { lower: smallest, upper: largest } };
}
