import { corruption, corruptions, spatial } from "@casemate/attacks";
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
  ...corruptions.map(
    (name): AttackRow => ({
      id: `corruption-${name}`,
      title: `${name[0]!.toUpperCase()}${name.slice(1).replaceAll("-", " ")}, severity 3`,
      attack: corruption({ name, severity: 3 }),
      profiles: [],
      reason: "The check 'corruptions' of the thorough profile measures all 15 at all 5 severities.",
      only: "images",
      cost: 1,
    }),
  ),
];
