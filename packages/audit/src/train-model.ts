import { openClassifier, threats } from "@casemate/attacks";
import { type TrainingEvent, type TrainingResult, train } from "@casemate/defenses";
import { encodeModel, type Model } from "@casemate/onnx";
import { measureRobustness, type PairedAccuracy, pairedAccuracy, type Robustness } from "./measure-robustness.ts";
import { openMethod } from "./open-method.ts";
import { type OpenTraining, openTraining } from "./open-training.ts";
import type { DataReport } from "./report.ts";
import type { Contract } from "./schemas/contract.ts";
import type { TrainModelOptions } from "./training-options.ts";
import { dependenciesOf, sha256Of, type TrainingProvenance } from "./training-provenance.ts";
import { version } from "./version.ts";

export type TrainModelEvent =
  | TrainingEvent
  | { readonly type: "assumed"; readonly assumptions: readonly string[] }
  | { readonly type: "evaluating"; readonly when: "before" | "after"; readonly fraction: number };

/** How a model was trained, and what came of it. */
export interface TrainingReport extends TrainingProvenance {
  readonly data: DataReport;
  readonly validation: DataReport | undefined;
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
  const opened = await openTraining(options);
  const { model, contract, training, validation, assumptions } = opened;
  yield { type: "assumed", assumptions };
  const dependencies = await dependenciesOf(options, opened);
  const method = await openMethod(options, opened);
  try {
    const { evaluation, subject, methodOptions, awp: gamma, norm, epsilon } = options;
    const before = evaluation && (yield* evaluated(model, "before", opened, options));
    const result = yield* train(model, training.samples, method.options);
    const after = evaluation && before && (yield* evaluated(result.model, "after", opened, options));
    const bytes = encodeModel(result.model);
    return {
      bytes,
      contract,
      report: {
        casemate: version,
        started,
        finished: new Date().toISOString(),
        model: { sha256: sha256Of(bytes) },
        dependencies,
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
          ...withoutSignal(options.loop),
          ramp: method.options.ramp,
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
    await method.dispose();
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

/** Settings as a report states them. */
function withoutSignal({ signal: _, ...settings }: TrainModelOptions["loop"]): Readonly<Record<string, unknown>> {
  return settings;
}
