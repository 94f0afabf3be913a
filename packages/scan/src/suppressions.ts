import type { Finding } from "./finding.ts";

/** A finding that somebody has looked at and accepts, in one file, for a time. */
export interface Suppression {
  /** Id of a rule. */
  readonly rule: string;
  /** Of the file, as 64 hexadecimal digits: a changed file is looked at anew. */
  readonly sha256: string;
  readonly reason: string;
  /** The last day on which it holds, such as 2027-03-31 (UTC). */
  readonly expires: string;
}

/** The suppression that holds for a finding at a time; undefined if none does. */
export function suppressionOf(
  { rule }: Finding,
  sha256: string | undefined,
  suppressions: readonly Suppression[],
  now: Date,
): Suppression | undefined {
  const today = now.toISOString().slice(0, 10);
  return suppressions.find((each) => each.rule === rule.id && each.sha256 === sha256 && each.expires >= today);
}
