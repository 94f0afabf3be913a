import { brendelBethge, ddn, deepFool, fab, fabT, fmn, jsma, newtonFool, sparseFool } from "@casemate/attacks";
import { type AttackRow, FORWARD_AND_BACKWARD } from "./attack-row.ts";

/** Attacks that look for the smallest change. */
export const minimumNormRows: readonly AttackRow[] = [
  {
    id: "fmn",
    title: "FMN, the nearest, at every radius",
    attack: fmn(),
    profiles: ["standard", "thorough"],
    isCurve: true,
    cost: FORWARD_AND_BACKWARD * 100,
  },
  {
    id: "ddn",
    title: "DDN in L2, the nearest",
    attack: ddn(),
    profiles: ["thorough"],
    norm: "l2",
    cost: FORWARD_AND_BACKWARD * 100,
  },
  {
    id: "deep-fool",
    title: "DeepFool",
    attack: deepFool(),
    profiles: [],
    reason: "Fast, and for a first impression; FMN and DDN come nearer.",
    cost: FORWARD_AND_BACKWARD * 9 * 5,
  },
  {
    id: "newton-fool",
    title: "NewtonFool",
    attack: newtonFool(),
    profiles: [],
    reason: "Stops well beyond the boundary: DeepFool and DDN come nearer with fewer gradients.",
    cost: 100 * FORWARD_AND_BACKWARD,
  },
  {
    id: "brendel-bethge",
    title: "Brendel-Bethge",
    attack: brendelBethge(),
    profiles: [],
    reason: "A thousand gradients where FMN and DDN come about as near with a hundred; the best of these in L0.",
    samples: 100,
    cost: 1000 * FORWARD_AND_BACKWARD,
  },
  {
    id: "sparse-fool",
    title: "SparseFool",
    attack: sparseFool(),
    profiles: [],
    reason: "Counts changed features (L0), which no audit's radius is about.",
    cost: 300 * FORWARD_AND_BACKWARD,
  },
  {
    id: "jsma",
    title: "JSMA",
    attack: jsma(),
    profiles: [],
    reason: "Of historical interest: SparseFool changes fewer features.",
    cost: 110 * FORWARD_AND_BACKWARD,
  },
  {
    id: "fab",
    title: "FAB, the nearest boundary of all classes",
    attack: fab(),
    profiles: [],
    reason: "Takes a gradient for every class at every step; FAB-T finds as much with one.",
    cost: 100 * (1 + FORWARD_AND_BACKWARD * 9),
  },
  {
    id: "fab-t",
    title: "FAB, towards 9 classes in turn",
    attack: fabT(),
    profiles: [],
    reason: "A member of AutoAttack, which runs it on what APGD leaves standing.",
    cost: 9 * 100 * (1 + FORWARD_AND_BACKWARD),
  },
];
