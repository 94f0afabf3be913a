import type { Attack } from "../attack.ts";
import type { Criterion } from "../criterion.ts";
import type { Loss } from "../models/classifier.ts";
import { lossFor } from "../models/losses.ts";
import type { BallNorm, Threat } from "../threats/threat.ts";
import type { Evaluator } from "./evaluator.ts";
import type { SampleRecord } from "./sample-record.ts";

/**
 * What became of a sample. "broken": an adversarial input was found and verified; "robust": the attack was run to its end
 * and found none; "wrong": misclassified before any attack, and so not attacked; "failed": it could not be attacked, or not
 * to the end.
 */
export type Status = "broken" | "robust" | "wrong" | "failed";

export interface SampleResult {
  /** Index in the data set. */
  readonly sample: number;
  readonly label: number;
  readonly target?: number;
  /** Class of the clean sample; -1 if that could not be found out. */
  readonly prediction: number;
  /** At the largest epsilon. */
  readonly status: Status;
  /** At each epsilon, from the smallest. */
  readonly statuses: readonly Status[];
  /** What breaks it, in the model's input units; only of broken samples. */
  readonly adversarial?: Float32Array;
  readonly adversarialPrediction?: number;
  /** Size of the perturbation in the threat's norm; only of broken samples. */
  readonly distance?: number;
  /** The member of an assembly, such as AutoAttack, that broke it; only of broken samples. */
  readonly stage?: string;
  /** Passes of this sample through the model, the clean and the verifying one included. */
  readonly forward: number;
  readonly backward: number;
  /** By how much the verdict was missed: logit of the label minus the largest other; the smallest seen if it stands. */
  readonly margin: number;
  /** Why it failed. */
  readonly message?: string;
}

/** The counts at one epsilon; all together they are the number of samples. */
export interface CurvePoint {
  readonly epsilon: number;
  readonly broken: number;
  readonly robust: number;
  readonly wrong: number;
  readonly failed: number;
}

export interface AttackResult {
  readonly attack: Pick<Attack, "name" | "access" | "aim" | "parameters" | "citation">;
  readonly criterion: Criterion["type"];
  /** The loss that was climbed: the margin, where the model has too few classes for DLR. */
  readonly loss?: Loss;
  readonly norm: BallNorm;
  /** Radii from the smallest; of an epsilon per feature the largest. */
  readonly epsilons: readonly number[];
  /** Members of an assembly that could not run, each with the reason. */
  readonly leftOut: readonly string[];
  readonly samples: readonly SampleResult[];
  readonly curve: readonly CurvePoint[];
  readonly queries: { readonly forward: number; readonly backward: number };
  /** Samples whose verdict hangs on a margin below 1e-4, so that another machine may see it differently. */
  readonly borderline: number;
  /** Samples whose first gradient was zero everywhere, and how many had one computed. */
  readonly zeroGradients: { readonly count: number; readonly of: number };
  /** False if the budget ended the run. */
  readonly isComplete: boolean;
  readonly seed: number;
}

/** A verdict with a smaller margin (difference of logits) is counted as borderline. */
export const BORDERLINE_MARGIN = 1e-4;

/**
 * Whether another machine may judge a sample differently. Attacks that look for the nearest stop on the boundary, where the
 * margin is always small; what their verdict hangs on is whether the distance is within epsilon.
 */
function isBorderline({ margin, verified }: SampleRecord, aim: Attack["aim"], epsilon: number): boolean {
  if (aim !== "nearest" || !verified) return Math.abs(margin) < BORDERLINE_MARGIN;
  return Math.abs(verified.distance - epsilon) < BORDERLINE_MARGIN * epsilon;
}

/** Turns the records of a finished run into its result. */
export function summarize(
  records: readonly SampleRecord[],
  { attack, ladder, evaluator, criterion, seed, isComplete }: Run,
): AttackResult {
  const { name, access, aim, parameters, citation } = attack;
  const epsilons = ladder.map(radiusOf);
  const gradients = records.filter((record) => record.hasZeroGradient !== undefined);
  return {
    attack: { name, access, aim, parameters, citation },
    criterion,
    ...(attack.loss && { loss: lossFor(attack.loss, evaluator.model.classes, criterion === "targeted") }),
    norm: ladder[0]!.norm,
    epsilons,
    leftOut: leftOutOf(attack, evaluator.model, ladder.at(-1)!),
    samples: records.map(sampleResult),
    curve: epsilons.map((epsilon, index) => {
      const count = (status: Status) => records.filter((record) => record.statuses[index] === status).length;
      const [broken, robust, wrong, failed] = [count("broken"), count("robust"), count("wrong"), count("failed")];
      return { epsilon, broken, robust, wrong, failed };
    }),
    queries: { forward: evaluator.forward, backward: evaluator.backward },
    borderline: records.filter((record) => isBorderline(record, aim, epsilons.at(-1)!)).length,
    zeroGradients: { count: gradients.filter((record) => record.hasZeroGradient).length, of: gradients.length },
    isComplete,
    seed,
  };
}

function leftOutOf({ stages = [] }: Attack, model: Evaluator["model"], threat: Threat): readonly string[] {
  return stages
    .filter(({ norms }) => norms.includes(threat.norm))
    .flatMap((stage) => {
      const obstacle = stage.obstacle?.(model, threat);
      return obstacle === undefined ? [] : [`${stage.name}: ${obstacle}`];
    });
}

/** A threat's radius as one number; of an epsilon per feature the largest. */
export function radiusOf({ epsilon }: Threat): number {
  return typeof epsilon === "number" ? epsilon : epsilon.reduce((largest, each) => Math.max(largest, each), 0);
}

interface Run {
  readonly attack: Attack;
  readonly ladder: readonly Threat[];
  readonly evaluator: Evaluator;
  readonly criterion: Criterion["type"];
  readonly seed: number;
  readonly isComplete: boolean;
}

function sampleResult(record: SampleRecord): SampleResult {
  const { sample, label, target, prediction, statuses, verified, forward, backward, margin, failure } = record;
  const status = statuses.at(-1)!;
  return {
    sample,
    label,
    ...(target !== undefined && { target }),
    prediction,
    status,
    statuses,
    ...(status === "broken" && {
      adversarial: verified!.adversarial,
      adversarialPrediction: verified!.prediction,
      distance: verified!.distance,
      ...(record.stage !== undefined && { stage: record.stage }),
    }),
    forward,
    backward,
    margin,
    ...(status === "failed" && { message: failure ?? "the sample was not attacked" }),
  };
}
