import { type OnnxClassifier, openClassifier, threats } from "@casemate/attacks";
import {
  awp,
  type LabelledSamples,
  type MethodName,
  type MethodOptions,
  type TrainingEvent,
  type TrainingResult,
  type TrainOptions,
  takesTokens,
  train,
  trainingMethods,
} from "@casemate/defenses";
import { encodeModel, type Model } from "@casemate/onnx";
import { attackSpaceOf } from "./attack-space.ts";
import { classifierOptionsOf } from "./classifier-options.ts";
import { contractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { constraintsOf } from "./feature-rules.ts";
import { mutableMask } from "./input-bounds.ts";
import { openModel } from "./inspect-model.ts";
import { measureRobustness, type PairedAccuracy, pairedAccuracy, type Robustness } from "./measure-robustness.ts";
import { type NewNetwork, newNetwork } from "./new-network.ts";
import type { DataReport } from "./report.ts";
import { openSamples, readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";
import { version } from "./version.ts";

/** What to train, on what, and how. */
export interface TrainModelOptions {
  /** An .onnx file to start from, or a network to begin anew with. */
  readonly subject: { readonly model: string } | NewNetwork;
  /** Of the model; of a new one, what it says of features, ranges and classes holds. */
  readonly contract?: string;
  readonly data: string;
  readonly validation?: string;
  readonly method: MethodName;
  readonly methodOptions?: MethodOptions;
  /** Adversarial weight perturbation around the method: how far, as a share of each layer's norm. */
  readonly awp?: number;
  /** Other models that examples are made with, for `ensemble`. */
  readonly others?: readonly string[];
  /** A model to learn from, for `distillation`. */
  readonly teacher?: string;
  readonly norm: "linf" | "l2" | "l1";
  /** Of the ball that is trained against, in the units of the samples or, for tables, of each feature's range; 0 for none. */
  readonly epsilon: number;
  readonly checkpoint?: { readonly path: string; readonly resume: boolean };
  /** How the loop goes. */
  readonly loop: Omit<TrainOptions, "classifier" | "method" | "ball" | "validation" | "checkpoint">;
  /** What the model is measured by before and after; nothing if absent. */
  readonly evaluation?: {
    /** Samples to measure on; those of `validation` if absent. */
    readonly data?: string;
    readonly epsilon: number;
    readonly attack: "pgd" | "autoattack";
    readonly samples?: number;
  };
}

export type TrainModelEvent =
  | TrainingEvent
  | { readonly type: "assumed"; readonly assumptions: readonly string[] }
  | { readonly type: "evaluating"; readonly when: "before" | "after"; readonly fraction: number };

/** How a model was trained, and what came of it. */
export interface TrainingReport {
  readonly casemate: string;
  readonly started: string;
  readonly data: DataReport;
  readonly validation: DataReport | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly assumptions: readonly string[];
  readonly history: TrainingResult["history"];
  /** Times through the data that were planned: those of the settings, divided by the replays of the method. */
  readonly epochs: number;
  readonly bestEpoch: number;
  readonly endedBy: TrainingResult["endedBy"];
  readonly seconds: number;
  readonly evaluation:
    | {
        readonly norm: string;
        readonly epsilon: number;
        readonly attack: string;
        readonly clean: PairedAccuracy;
        readonly robust: PairedAccuracy;
      }
    | undefined;
}

export interface TrainedModel {
  readonly bytes: Uint8Array;
  readonly contract: Contract;
  readonly report: TrainingReport;
}

/**
 * Trains the model in a file, or a new one, and measures it before and after. Throws an AuditError for bad input, and a
 * DefenseError, AttackError or OnnxError for a model that cannot be trained.
 */
export async function* trainModel(options: TrainModelOptions): AsyncGenerator<TrainModelEvent, TrainedModel> {
  const started = new Date().toISOString();
  const opened = await open(options);
  const { model, contract, training, validation, classifier, assumptions } = opened;
  yield { type: "assumed", assumptions };
  const others: OnnxClassifier[] = [];
  const openOther = async (path: string) => {
    const other = await openClassifier(await openModel(path), classifier);
    others.push(other);
    return other;
  };
  try {
    const row = trainingMethods[options.method];
    if (row.needsEpsilon && options.epsilon === 0) {
      throw new AuditError("INVALID_OPTION", `--method ${options.method}: expected an --epsilon above 0`);
    }
    const method = row.create({
      ...options.methodOptions,
      others: await Promise.all((options.others ?? []).map(openOther)),
      ...(options.teacher !== undefined && { teacher: await openOther(options.teacher) }),
    });
    const { evaluation } = options;
    const before = evaluation && (yield* evaluated(model, "before", opened, options));
    const { subject, methodOptions, awp: gamma, checkpoint, norm, epsilon } = options;
    const loop = { ...options.loop, ramp: options.loop.ramp ?? method.ramp ?? RAMP };
    const result = yield* train(model, training.samples, {
      ...loop,
      classifier,
      method: gamma === undefined ? method : awp(method, { gamma }),
      ball: opened.ball(norm, epsilon),
      ...(validation && { validation: validation.samples }),
      ...(checkpoint && {
        checkpoint: { ...checkpoint, about: JSON.stringify({ method: options.method, methodOptions, gamma }) },
      }),
    });
    const after = evaluation && before && (yield* evaluated(result.model, "after", opened, options));
    return {
      bytes: encodeModel(result.model),
      contract,
      report: {
        casemate: version,
        started,
        data: training.report,
        validation: validation?.report,
        settings: {
          subject,
          method: options.method,
          methodOptions,
          awp: gamma,
          others: options.others,
          teacher: options.teacher,
          norm,
          epsilon,
          ...withoutSignal(loop),
        },
        assumptions,
        history: result.history,
        epochs: result.epochs,
        bestEpoch: result.bestEpoch,
        endedBy: result.endedBy,
        seconds: result.seconds,
        evaluation:
          evaluation && before && after
            ? {
                norm,
                epsilon: evaluation.epsilon,
                attack: evaluation.attack,
                clean: pairedAccuracy(before.correct, after.correct),
                robust: pairedAccuracy(before.robust, after.robust),
              }
            : undefined,
      },
    };
  } finally {
    for (const other of others) await other.dispose();
  }
}

/** Share of the training over which epsilon rises, of methods without one of their own. */
const RAMP = 0.33;

interface OpenTraining {
  readonly model: Model;
  readonly contract: Contract;
  readonly assumptions: readonly string[];
  readonly training: OpenData;
  readonly validation: OpenData | undefined;
  readonly test: OpenData | undefined;
  readonly classifier: TrainOptions["classifier"];
  ball(norm: "linf" | "l2" | "l1", epsilon: number): NonNullable<TrainOptions["ball"]>;
}

interface OpenData {
  readonly samples: LabelledSamples;
  readonly report: DataReport;
}

async function open(options: TrainModelOptions): Promise<OpenTraining> {
  const { subject, data, loop } = options;
  const assumptions: string[] = [];
  const { model, contract } = await ("model" in subject ? fromFile(subject.model) : anew(subject));
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
    return { model: found, contract: given.contract };
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

async function* evaluated(
  model: Model,
  when: "before" | "after",
  { test, classifier: classifierOptions, ball }: OpenTraining,
  { evaluation, norm, loop: { seed = 0, signal } }: TrainModelOptions,
): AsyncGenerator<TrainModelEvent, Robustness> {
  const { epsilon, attack, samples } = evaluation!;
  const classifier = await openClassifier(model, classifierOptions);
  try {
    const { scale, ...rest } = ball(norm, epsilon);
    const threat = threats[norm](scale ? scale.map((each) => epsilon * each) : epsilon, rest);
    const steps = measureRobustness(classifier, test!.samples, threat, { attack, samples, seed, signal });
    for (;;) {
      const { done, value } = await steps.next();
      if (done) return value;
      yield { type: "evaluating", when, fraction: value };
    }
  } finally {
    await classifier.dispose();
  }
}

const TOKENS =
  "The input takes tokens, which have no ball around them: the best epoch is chosen by clean accuracy only, and nothing is attacked.";

/** Settings as a report states them. */
function withoutSignal({ signal: _, ...settings }: TrainModelOptions["loop"]): Readonly<Record<string, unknown>> {
  return settings;
}
