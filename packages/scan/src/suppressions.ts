import { ScanError } from "./errors.ts";
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

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

/** Reads suppressions from the JSON text of a file: a list of objects. Throws INVALID_OPTION with the place of what is wrong. */
export function parseSuppressions(text: string, path: string): readonly Suppression[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new ScanError("INVALID_OPTION", `${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (!Array.isArray(list)) throw new ScanError("INVALID_OPTION", `${path}: expected a list of suppressions`);
  return list.map((each: Partial<Record<keyof Suppression, unknown>> | null, index) => {
    const { rule, sha256, reason, expires } = each ?? {};
    const wrong = (field: string, expected: string, got: unknown): never => {
      throw new ScanError(
        "INVALID_OPTION",
        `${path}, suppression ${index + 1}: expected ${field} to be ${expected}, got ${JSON.stringify(got)}`,
      );
    };
    if (typeof rule !== "string" || !/^[\w-]+\/[\w-]+$/.test(rule)) return wrong("rule", "the id of a rule", rule);
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256))
      return wrong("sha256", "64 hexadecimal digits", sha256);
    if (typeof reason !== "string" || reason.trim() === "") return wrong("reason", "a text", reason);
    if (typeof expires !== "string" || !DAY.test(expires)) return wrong("expires", "a day such as 2027-03-31", expires);
    return { rule, sha256, reason, expires };
  });
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
