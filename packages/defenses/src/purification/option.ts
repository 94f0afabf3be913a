import { DefenseError } from "../errors.ts";

interface Limits {
  readonly least: number;
  readonly most?: number;
  readonly isWhole?: boolean;
}

/** Throws INVALID_OPTION for what is no number within these limits. */
export function requireNumber(name: string, value: number, { least, most = Infinity, isWhole = false }: Limits): void {
  if (Number.isFinite(value) && value >= least && value <= most && (!isWhole || Number.isInteger(value))) return;
  const range = most === Infinity ? `from ${least}` : `from ${least} to ${most}`;
  throw new DefenseError(
    "INVALID_OPTION",
    `${name}: expected a ${isWhole ? "whole " : ""}number ${range}, got ${value}`,
  );
}
