import { newtonFool } from "@casemate/attacks";
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
];
