import {
  adamPgd,
  apgdCe,
  apgdDlr,
  apgdT,
  autoAttack,
  autoConjugateGradient,
  diverseInputs,
  fgsm,
  jitter,
  klPgd,
  nesterov,
  pgd,
  scaleInvariant,
  sparseL1Descent,
  transferAttack,
  translationInvariant,
  varianceTuning,
  virtualAdversarial,
} from "@casemate/attacks";
import { type AttackRow, FORWARD_AND_BACKWARD } from "./attack-row.ts";

/** The check that the robustness curve is of. */
export const curveId = "curve";

const pgdRow = (steps: number, restarts: number): Omit<AttackRow, "profiles"> => ({
  id: "pgd",
  title: `PGD, ${steps} steps${startsOf(restarts)}`,
  attack: pgd({ steps, restarts }),
  cost: FORWARD_AND_BACKWARD * steps * (restarts + 1),
});

const inL2: readonly Omit<AttackRow, "profiles">[] = [
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

/** APGD, APGD-T and FAB-T towards 9 classes each, and Square. */
const AUTOATTACK = FORWARD_AND_BACKWARD * (100 + 900 + 900) + 900 + 5000;

function startsOf(restarts: number): string {
  return restarts > 0 ? `, ${restarts + 1} starts` : "";
}

/** Attacks that climb a loss inside the ball. */
export const gradientRows: readonly AttackRow[] = [
  { id: "fgsm", title: "FGSM", attack: fgsm(), profiles: ["quick", "standard", "thorough"], cost: 4 },
  {
    id: curveId,
    title: "PGD, 10 steps, at every radius",
    attack: pgd({ steps: 10, stepSize: 0.2 }),
    profiles: ["quick", "standard", "thorough"],
    isCurve: true,
    cost: FORWARD_AND_BACKWARD * 10,
  },
  { ...pgdRow(40, 0), profiles: ["standard"] },
  { ...pgdRow(100, 4), profiles: ["thorough"] },
  {
    id: "apgd-ce",
    title: "APGD, cross-entropy",
    attack: apgdCe(),
    profiles: [],
    reason: "A member of AutoAttack, which begins with it.",
    cost: FORWARD_AND_BACKWARD * 100,
  },
  {
    id: "apgd-dlr",
    title: "APGD, difference of logits",
    attack: apgdDlr(),
    profiles: [],
    reason: "A member of AutoAttack plus; the standard one has its targeted form.",
    cost: FORWARD_AND_BACKWARD * 100,
  },
  ...inL2.map((row): AttackRow => ({ ...row, profiles: ["thorough"] })),
  {
    id: "apgd-t",
    title: "APGD, targeted difference of logits, 9 classes in turn",
    attack: apgdT(),
    profiles: [],
    reason: "A member of AutoAttack, which runs it on what APGD on the cross-entropy leaves standing.",
    cost: 9 * 100 * FORWARD_AND_BACKWARD,
  },
  {
    id: "acg",
    title: "Auto Conjugate Gradient, margin, 100 steps",
    attack: autoConjugateGradient(),
    profiles: ["thorough"],
    onlyStanding: true,
    cost: FORWARD_AND_BACKWARD * 100,
  },
  {
    id: "adam-pgd",
    title: "PGD with Adam, 50 steps",
    attack: adamPgd(),
    profiles: [],
    reason: "APGD sets its own step and breaks what this breaks; for models on which plain steps oscillate.",
    cost: FORWARD_AND_BACKWARD * 50,
  },
  {
    id: "jitter",
    title: "PGD with Jitter, 40 steps",
    attack: jitter(),
    profiles: [],
    reason:
      "APGD on the difference of logits ratio is as deaf to their scale; for a model that one other class attracts.",
    cost: (1 + FORWARD_AND_BACKWARD) * 40,
  },
  {
    id: "kl-pgd",
    title: "PGD on the divergence from the clean prediction",
    attack: klPgd(),
    profiles: [],
    reason: "It needs no labels, for data that has none and for training; with labels PGD is stronger.",
    cost: FORWARD_AND_BACKWARD * 40,
  },
  {
    id: "sparse-l1",
    title: "Sparse L1 descent, 10 steps",
    attack: sparseL1Descent(),
    profiles: ["standard", "thorough"],
    cost: FORWARD_AND_BACKWARD * 10,
  },
  {
    id: "virtual-adversarial",
    title: "Virtual adversarial direction",
    attack: virtualAdversarial(),
    profiles: [],
    reason: "One step along a curvature: of interest where there are no labels, and weaker than PGD in L2.",
    cost: FORWARD_AND_BACKWARD * 10,
  },
  {
    id: "transfer",
    title: "MI-FGSM made to transfer (DI, TI, NI, SI, VMI)",
    attack: transferAttack({
      transforms: [diverseInputs(), translationInvariant(), nesterov(), scaleInvariant(), varianceTuning()],
    }),
    profiles: [],
    reason: "Its strength shows on another model than the one whose gradients it has: use withSurrogate in code.",
    only: "images",
    cost: FORWARD_AND_BACKWARD * 10 * 5 * 21,
  },
  {
    id: "autoattack",
    title: "AutoAttack, standard",
    attack: autoAttack(),
    searchesWithoutGradients: true, // its last stage is Square
    profiles: ["standard"],
    onlyStanding: true,
    cost: AUTOATTACK,
  },
  {
    id: "autoattack",
    title: "AutoAttack, plus",
    attack: autoAttack({ version: "plus" }),
    searchesWithoutGradients: true, // its last stage is Square
    profiles: ["thorough"],
    onlyStanding: true,
    cost: 3 * AUTOATTACK,
  },
];
