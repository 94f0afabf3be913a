import type { Attack, Classifier, GradientClassifier } from "@casemate/attacks";
import type { Profile } from "../../options.ts";
import type { Norm } from "../../report.ts";

/** One row of the table of attacks: what is run, with which parameters, on how much, and by which plans. */
export interface AttackRow {
  /** The same for all rows that run one attack with more or less effort; a profile has it once at most. */
  readonly id: string;
  readonly title: string;
  readonly attack: Attack;
  /** The profiles whose plan it is part of. */
  readonly profiles: readonly Profile[];
  /** Where no profile runs it: why, and what does its work. */
  readonly reason?: string;
  /** Run at every radius for a curve, instead of at the last only. */
  readonly isCurve?: boolean;
  /** At most so many samples. */
  readonly samples?: number;
  /** In this norm, whatever the audit's is; its radius is derived. */
  readonly norm?: Norm;
  /** For what kind of model it is; for all if absent. */
  readonly only?: "images" | "tables" | "trees" | "no-gradients";
  /** Where the attack gets its gradients, if not from the model: then it needs scores only. `range` is the features' range. */
  readonly through?: (model: Classifier, range: number) => GradientClassifier;
  /** Attacks only what the attacks before it, in the same norm, left standing; the others count as they do there. */
  readonly onlyStanding?: boolean;
  /**
   * Whether it searches without gradients, so that what it leaves standing says something where they mislead; if absent, every
   * attack by scores or decisions does.
   */
  readonly searchesWithoutGradients?: boolean;
  /** Estimated forward passes for one sample that stands, at one radius; a backward pass counts as two. */
  readonly cost: number;
}

/** What one step of a gradient attack costs. */
export const FORWARD_AND_BACKWARD = 3;
