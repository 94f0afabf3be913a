import { type OnnxClassifier, openClassifier } from "@casemate/attacks";
import { awp, type TrainingMethod, type TrainOptions, trainingMethods } from "@casemate/defenses";
import { AuditError } from "./errors.ts";
import { openModel } from "./inspect-model.ts";
import type { OpenTraining } from "./open-training.ts";
import type { TrainModelOptions } from "./training-options.ts";

/** Share of the training over which epsilon rises, of methods without one of their own. */
const RAMP = 0.33;

/** What the loop takes, with its method, whose other models are open until `dispose`. */
export interface OpenMethod {
  readonly options: TrainOptions;
  dispose(): Promise<void>;
}

/** Opens the method and what else the loop of `@casemate/defenses` takes. Throws an AuditError INVALID_OPTION for a method without its epsilon. */
export async function openMethod(options: TrainModelOptions, opened: OpenTraining): Promise<OpenMethod> {
  const { method: name, methodOptions, awp: gamma, checkpoint, norm, epsilon, loop } = options;
  const { classifier, validation } = opened;
  const row = trainingMethods[name];
  if (row.needsEpsilon && epsilon === 0)
    throw new AuditError("INVALID_OPTION", `--method ${name}: expected an --epsilon above 0`);
  const others: OnnxClassifier[] = [];
  const openOther = async (path: string) => {
    const other = await openClassifier(await openModel(path), classifier);
    others.push(other);
    return other;
  };
  const dispose = async () => {
    for (const other of others) await other.dispose();
  };
  try {
    const inner: TrainingMethod = row.create({
      ...methodOptions,
      others: await Promise.all((options.others ?? []).map(openOther)),
      ...(options.teacher !== undefined && { teacher: await openOther(options.teacher) }),
    });
    return {
      dispose,
      options: {
        ...loop,
        ramp: loop.ramp ?? inner.ramp ?? RAMP,
        classifier,
        method: gamma === undefined ? inner : awp(inner, { gamma }),
        ball: opened.ball(norm, epsilon),
        ...(validation && { validation: validation.samples }),
        ...(checkpoint && {
          checkpoint: { ...checkpoint, about: JSON.stringify({ method: name, methodOptions, gamma }) },
        }),
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
