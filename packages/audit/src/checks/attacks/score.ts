import { square } from "@casemate/attacks";
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
];
