import type { AttackRow } from "./attack-row.ts";

/** Attacks that look for the smallest change. */
export const minimumNormRows: readonly AttackRow[] = [];
