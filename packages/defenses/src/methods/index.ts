import type { Classifier, GradientClassifier } from "@casemate/attacks";
import type { Ablation } from "../ablation/ablation.ts";
import type { TrainingMethod } from "../training/method.ts";
import { plainTraining } from "../training/plain-training.ts";
import { ablationTraining } from "./ablation.ts";
import { crownIbpTraining } from "./crown-ibp.ts";
import { distillation } from "./distillation.ts";
import { ensembleTraining } from "./ensemble.ts";
import { fastTraining } from "./fast.ts";
import { fgsmTraining } from "./fgsm.ts";
import { freeTraining } from "./free.ts";
import { gaussianTraining } from "./gaussian.ts";
import { ibpTraining } from "./ibp.ts";
import { mart } from "./mart.ts";
import { pgdTraining } from "./pgd.ts";
import { smoothAdv } from "./smooth-adv.ts";
import { tabularTraining } from "./tabular.ts";
import { trades } from "./trades.ts";

/** What any of the methods takes; each has its own defaults, and leaves out what is not about it. */
export interface MethodOptions {
  /** Steps of the attack on each batch. */
  readonly steps?: number;
  /** Length of one, in units of epsilon. */
  readonly stepSize?: number;
  /** Weight of robustness against accuracy. */
  readonly beta?: number;
  /** Standard deviation of noise, in the units of the bounds. */
  readonly sigma?: number;
  /** Noisy copies of each sample. */
  readonly copies?: number;
  readonly replays?: number;
  readonly temperature?: number;
  readonly mode?: "adversarial-only" | "clean-then-adversarial";
  readonly others?: readonly GradientClassifier[];
  readonly teacher?: Classifier;
  /** What is left of each sample. */
  readonly kind?: Ablation["kind"];
  /** Columns, rows or pixels along a side that are left. */
  readonly size?: number;
}

/** A training method as the command lists it. */
export interface MethodRow {
  readonly summary: string;
  readonly source: string;
  /** Whether examples are looked for in a ball, so that an epsilon is needed. */
  readonly needsEpsilon: boolean;
  create(options: MethodOptions): TrainingMethod;
}

/** Every method by the name that the command knows it by. */
export const trainingMethods = {
  plain: { summary: "on the samples as they are", source: "-", needsEpsilon: false, create: () => plainTraining() },
  pgd: {
    summary: "on the worst point that PGD finds (Madry)",
    source: "Madry et al., 2018",
    needsEpsilon: true,
    create: pgdTraining,
  },
  trades: {
    summary: "accuracy, and agreement with the worst point (TRADES)",
    source: "Zhang et al., 2019",
    needsEpsilon: true,
    create: trades,
  },
  mart: {
    summary: "as TRADES, with more weight on samples that are wrong (MART)",
    source: "Wang et al., 2020",
    needsEpsilon: true,
    create: mart,
  },
  fast: {
    summary: "one step from a random start (Fast is better than free)",
    source: "Wong et al., 2020",
    needsEpsilon: true,
    create: fastTraining,
  },
  free: {
    summary: "one backward pass for weights and perturbation (free)",
    source: "Shafahi et al., 2019",
    needsEpsilon: true,
    create: freeTraining,
  },
  fgsm: {
    summary: "one gradient-sign step, for comparison",
    source: "Goodfellow et al., 2015",
    needsEpsilon: true,
    create: fgsmTraining,
  },
  ensemble: {
    summary: "on gradient-sign examples of other models too",
    source: "Tramèr et al., 2018",
    needsEpsilon: true,
    create: ({ others = [] }) => ensembleTraining(others),
  },
  tabular: {
    summary: "PGD within the rules of a table",
    source: "Simonetto et al., 2024",
    needsEpsilon: true,
    create: tabularTraining,
  },
  gaussian: {
    summary: "with Gaussian noise, for smoothing",
    source: "Cohen et al., 2019",
    needsEpsilon: false,
    create: gaussianTraining,
  },
  ablation: {
    summary: "on random columns, rows or blocks of each sample, for certificates against patches",
    source: "Levine & Feizi, 2020",
    needsEpsilon: false,
    create: ablationTraining,
  },
  "smooth-adv": {
    summary: "PGD against the smoothed classifier (SmoothAdv)",
    source: "Salman et al., 2019",
    needsEpsilon: true,
    create: smoothAdv,
  },
  ibp: {
    summary: "on worst cases that intervals bound, so that certificates come out",
    source: "Gowal et al., 2018",
    needsEpsilon: true,
    create: () => ibpTraining(),
  },
  "crown-ibp": {
    summary: "as ibp, by linear bounds at first",
    source: "Zhang et al., 2020",
    needsEpsilon: true,
    create: () => crownIbpTraining(),
  },
  distillation: {
    summary: "defensive distillation, broken, for study",
    source: "Papernot et al., 2016",
    needsEpsilon: false,
    create: distillation,
  },
} as const satisfies Record<string, MethodRow>;

export type MethodName = keyof typeof trainingMethods;
