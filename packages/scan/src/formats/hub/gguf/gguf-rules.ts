import { rulesOf } from "../../../rule.ts";

export const ggufRules = rulesOf("gguf", {
  count: {
    title: "Count or length that the file cannot hold",
    severity: "high",
    effect: "The file has been cut off, or a loader that trusts the number reads beyond it.",
  },
  overflow: {
    title: "Count or length that no file has",
    severity: "critical",
    effect:
      "A loader that adds to it or multiplies it overflows, and writes beyond its memory (CVE-2024-21836, CVE-2024-23496, CVE-2024-23605).",
  },
  kind: {
    title: "Kind of value or tensor that the format does not have",
    severity: "high",
    effect: "A loader that looks it up in a table reads beyond the table.",
  },
  "duplicate-key": {
    title: "Key or tensor name that comes twice",
    severity: "high",
    effect: "Loaders differ in which of the two they take, so one can be shown and another used.",
  },
  name: {
    title: "Name longer than the format allows",
    severity: "high",
    effect: "A loader that copies it into 64 bytes writes beyond them.",
  },
  dimensions: {
    title: "Dimensions that no tensor has",
    severity: "high",
    effect: "Their product overflows, so a loader allocates less than it writes (CVE-2024-21802, CVE-2026-33298).",
  },
  alignment: {
    title: "Alignment that the format does not allow",
    severity: "high",
    effect: "A loader that divides or rounds by it fails or reads elsewhere.",
  },
  offsets: {
    title: "Tensor outside the file, or within another",
    severity: "high",
    effect: "A loader that maps the file reads beyond it, or uses one tensor's bytes as another's (CVE-2026-7482).",
  },
  trailing: {
    title: "Data behind the last tensor",
    severity: "medium",
    effect: "The file can be another one as well, for a loader that looks from its end.",
  },
});

/** A count or length from here on is none that a file of today or tomorrow has. */
const NO_FILE = 2 ** 40;

/** The rule for a number that does not fit the file. */
export function ruleForNumber(value: number): (typeof ggufRules)["count"] {
  return value >= NO_FILE ? ggufRules.overflow : ggufRules.count;
}

/** The rule for a kind that is not known: of a later version, or none that any will have. */
export function ruleForKind(kind: number): (typeof ggufRules)["kind"] {
  return kind >= 2 ** 16 ? ggufRules.overflow : ggufRules.kind;
}
