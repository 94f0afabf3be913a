import {
  type Attack,
  apgdCe,
  apgdDlr,
  contrastReduction,
  fgsm,
  hopSkipJump,
  pgd,
  spatial,
  square,
  uniformNoise,
} from "@casemate/attacks";
import type { Norm } from "../report.ts";

/** One row of the table of attacks: what a profile runs, with which parameters, on how much. */
export interface AttackRow {
  readonly id: string;
  readonly title: string;
  readonly attack: Attack;
  /** Run at every radius for a curve, instead of at the last only. */
  readonly isCurve?: boolean;
  /** At most so many samples. */
  readonly samples?: number;
  /** In this norm, whatever the audit's is; its radius is derived. */
  readonly norm?: Exclude<Norm, "l0">;
  readonly imagesOnly?: boolean;
  /** Estimated forward passes for one sample that stands, at one radius; a backward pass counts as two. */
  readonly cost: number;
}

const FORWARD_AND_BACKWARD = 3;

/** The check that the robustness curve is of. */
export const curveId = "curve";

const noise: AttackRow = { id: "noise", title: "Uniform noise", attack: uniformNoise(), cost: 10 };
const contrast: AttackRow = { id: "contrast", title: "Contrast reduction", attack: contrastReduction(), cost: 60 };
const oneStep: AttackRow = { id: "fgsm", title: "FGSM", attack: fgsm(), cost: 4 };
const curve: AttackRow = {
  id: curveId,
  title: "PGD, 10 steps, at every radius",
  attack: pgd({ steps: 10, stepSize: 0.2 }),
  isCurve: true,
  cost: FORWARD_AND_BACKWARD * 10,
};
const pgdRow = (steps: number, restarts: number): AttackRow => ({
  id: "pgd",
  title: `PGD, ${steps} steps${startsOf(restarts)}`,
  attack: pgd({ steps, restarts }),
  cost: FORWARD_AND_BACKWARD * steps * (restarts + 1),
});
const apgdRows = (restarts: number): readonly AttackRow[] => {
  const starts = startsOf(restarts);
  const cost = FORWARD_AND_BACKWARD * 100 * (restarts + 1);
  return [
    { id: "apgd-ce", title: `APGD, cross-entropy${starts}`, attack: apgdCe({ restarts }), cost },
    { id: "apgd-dlr", title: `APGD, difference of logits${starts}`, attack: apgdDlr({ restarts }), cost },
  ];
};
const squareRow = (queries: number, samples?: number): AttackRow => ({
  id: "square",
  title: `Square, ${queries} queries`,
  attack: square({ queries }),
  ...(samples !== undefined && { samples }),
  cost: queries,
});
const pose: AttackRow = {
  id: "spatial",
  title: "Rotation up to 30° and shift up to 3 pixels",
  attack: spatial(),
  imagesOnly: true,
  cost: 124,
};
const decisions: AttackRow = {
  id: "hop-skip-jump",
  title: "HopSkipJump",
  attack: hopSkipJump(),
  samples: 100,
  cost: 20_000,
};
const inL2: readonly AttackRow[] = [
  {
    id: "pgd-l2",
    title: "PGD in L2, 50 steps, 5 starts",
    attack: pgd({ steps: 50, stepSize: 0.025, restarts: 4 }),
    norm: "l2",
    cost: FORWARD_AND_BACKWARD * 250,
  },
  {
    id: "apgd-ce-l2",
    title: "APGD in L2, cross-entropy, 5 starts",
    attack: apgdCe({ restarts: 4 }),
    norm: "l2",
    cost: FORWARD_AND_BACKWARD * 500,
  },
];

function startsOf(restarts: number): string {
  return restarts > 0 ? `, ${restarts + 1} starts` : "";
}

/** The attacks of each profile, in the order in which they run: the cheap first. */
export const attackRows: Readonly<Record<"quick" | "standard" | "thorough", readonly AttackRow[]>> = {
  quick: [noise, oneStep, curve],
  standard: [noise, contrast, oneStep, curve, pgdRow(40, 0), ...apgdRows(0), squareRow(1000, 200)],
  thorough: [
    noise,
    contrast,
    pose,
    oneStep,
    curve,
    pgdRow(100, 4),
    ...apgdRows(4),
    squareRow(5000),
    decisions,
    ...inL2,
  ],
};
