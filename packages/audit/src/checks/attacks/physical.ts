import { spatial } from "@casemate/attacks";
import type { AttackRow } from "./attack-row.ts";

/** What happens to pictures in the world. */
export const physicalRows: readonly AttackRow[] = [
  {
    id: "spatial",
    title: "Rotation up to 30° and shift up to 3 pixels",
    attack: spatial(),
    profiles: ["thorough"],
    only: "images",
    cost: 124,
  },
];
