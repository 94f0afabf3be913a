import { jsma, newtonFool, sparseFool } from "@casemate/attacks";
import { type AttackRow, FORWARD_AND_BACKWARD } from "./attack-row.ts";

/** Attacks that look for the smallest change. */
export const minimumNormRows: readonly AttackRow[] = [
  {
    id: "newton-fool",
    title: "NewtonFool",
    attack: newtonFool(),
    profiles: [],
    reason: "Stops well beyond the boundary: DeepFool and DDN come nearer with fewer gradients.",
    cost: 100 * FORWARD_AND_BACKWARD,
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
];
