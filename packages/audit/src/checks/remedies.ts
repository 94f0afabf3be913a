import { type Attack, apgdCe, apgdDlr, hopSkipJump, pgd, square, type ValidityWarningId } from "@casemate/attacks";
import type { OpenSubject } from "../subject.ts";

/** What an audit tries when a sign says that its attacks may have been misled. */
export interface Remedy {
  /** What it does differently, in words. */
  readonly title: string;
  readonly attack: Attack;
  /** The warnings that call for it; absent, it is called for by the model alone. */
  readonly against: readonly ValidityWarningId[];
  /** Whether the model is one that it can help against; any if absent. */
  readonly fits?: (subject: OpenSubject) => boolean;
  /** Gradients pass through rounding as if it did nothing. */
  readonly straightThrough?: boolean;
  /** At most so many of the samples that stand. */
  readonly samples?: number;
  /** Estimated forward passes for one sample that stands. */
  readonly cost: number;
}

const misled: readonly ValidityWarningId[] = ["gradient-masking", "black-box-wins", "zero-gradients"];

const hasSteps = ({ modelReport }: OpenSubject): boolean =>
  modelReport.operators.some(({ name }) => ["Round", "Floor", "Ceil", "Sign"].includes(name));

/** The cheap first: each runs on what the ones before it left standing. */
export const remedies: readonly Remedy[] = [
  {
    title: "the mean of 20 gradients for each step (EOT), APGD on the cross-entropy",
    attack: apgdCe({ eotIterations: 20 }),
    against: ["randomised-model"],
    cost: 6000,
  },
  {
    title: "gradients straight through the model's rounding (BPDA), 100 steps from 2 starts",
    attack: pgd({ steps: 100, stepSize: 0.05, loss: "margin", restarts: 1 }),
    against: misled,
    fits: hasSteps,
    straightThrough: true,
    cost: 600,
  },
  {
    title: "another loss: the margin, 100 steps from 5 starts",
    attack: pgd({ steps: 100, stepSize: 0.05, loss: "margin", restarts: 4 }),
    against: [...misled, "probabilities", "margin-ties", "too-few-classes"],
    cost: 1500,
  },
  {
    title: "more starts: APGD on the difference of logits from 5",
    attack: apgdDlr({ restarts: 4 }),
    against: ["gradient-masking", "black-box-wins"],
    cost: 1500,
  },
  {
    title: "no gradients at all: Square with 5,000 queries",
    attack: square(),
    against: misled,
    cost: 5000,
  },
  {
    title: "decisions only: HopSkipJump",
    attack: hopSkipJump(),
    against: ["zero-gradients", "margin-ties"],
    samples: 30,
    cost: 20_000,
  },
];
