import type { AttackRow } from "./attack-row.ts";

/** Attacks on rows of a table and on trees. */
export const tabularRows: readonly AttackRow[] = [];
