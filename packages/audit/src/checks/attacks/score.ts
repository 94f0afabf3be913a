import { simba, square } from "@casemate/attacks";
import type { AttackRow } from "./attack-row.ts";

const squareRow = (queries: number, samples?: number): Omit<AttackRow, "profiles"> => ({
  id: "square",
  title: `Square, ${queries} queries`,
  attack: square({ queries }),
  ...(samples !== undefined && { samples }),
  cost: queries,
});

/** Attacks that ask for scores. */
export const scoreRows: readonly AttackRow[] = [
  { ...squareRow(1000, 200), profiles: ["standard"] },
  { ...squareRow(5000), profiles: ["thorough"] },
  {
    id: "simba",
    title: "SimBA",
    attack: simba(),
    profiles: [],
    reason: "Square finds more in a ball with the same queries; SimBA is for changes of few features.",
    cost: 2 * 3000,
  },
  {
    id: "simba-dct",
    title: "SimBA along cosine waves",
    attack: simba({ basis: "dct" }),
    profiles: [],
    reason: "Square finds more in a ball with the same queries.",
    norm: "l2",
    only: "images",
    cost: 2 * 3000,
  },
];
