import type { Profile } from "../../options.ts";
import type { AttackRow } from "./attack-row.ts";
import { decisionRows } from "./decision.ts";
import { gradientRows } from "./gradient.ts";
import { minimumNormRows } from "./minimum-norm.ts";
import { physicalRows } from "./physical.ts";
import { scoreRows } from "./score.ts";
import { tabularRows } from "./tabular.ts";

/** Every attack that an audit can run. */
export const attackRows: readonly AttackRow[] = [
  ...gradientRows,
  ...minimumNormRows,
  ...scoreRows,
  ...decisionRows,
  ...physicalRows,
  ...tabularRows,
];

/** Whether a check of this id searches without gradients, and so finds what misled gradients do not. */
export function searchesWithoutGradients(id: string): boolean {
  return attackRows.some(
    (row) =>
      row.id === id &&
      (row.searchesWithoutGradients ?? (row.attack.access !== "gradient" || row.through !== undefined)),
  );
}

/** The attacks of a profile, the cheap first. */
export function rowsOf(profile: Profile): readonly AttackRow[] {
  return attackRows.filter(({ profiles }) => profiles.includes(profile)).sort((a, b) => a.cost - b.cost);
}
