import type { Severity } from "./rule.ts";

/**
 * What is known of a file. "clean" says that no known indicator was found, never that a file is safe; "unscannable" fails
 * a gate as "malicious" does.
 */
export type Verdict = "clean" | "suspicious" | "unscannable" | "malicious";

const BY_SEVERITY: Readonly<Record<Severity, Verdict>> = {
  critical: "malicious",
  unscannable: "unscannable",
  high: "suspicious",
  medium: "suspicious",
  low: "clean",
  info: "clean",
};

const ORDER: readonly Verdict[] = ["clean", "suspicious", "unscannable", "malicious"];

/** The worst that any finding says. */
export function verdictOf(severities: Iterable<Severity>): Verdict {
  let worst = 0;
  for (const severity of severities) worst = Math.max(worst, ORDER.indexOf(BY_SEVERITY[severity]));
  return ORDER[worst]!;
}

/** The worst of several verdicts. */
export function worstOf(verdicts: Iterable<Verdict>): Verdict {
  let worst = 0;
  for (const verdict of verdicts) worst = Math.max(worst, ORDER.indexOf(verdict));
  return ORDER[worst]!;
}
