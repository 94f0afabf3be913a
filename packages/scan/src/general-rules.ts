import { rulesOf } from "./rule.ts";

/** Findings that any format can end with. */
export const general = rulesOf("file", {
  malformed: {
    title: "Cannot be parsed to its end",
    severity: "unscannable",
    effect: "A loader that is less strict may run what the scan could not see.",
  },
  limit: {
    title: "Larger than a scan may be",
    severity: "unscannable",
    effect: "It may exhaust the machine that opens it, or hide something behind its size.",
    atlas: ["AML.T0029"],
  },
  bomb: {
    title: "Unpacks to far more than it is",
    severity: "critical",
    effect: "It exhausts memory or disk of whatever opens it.",
    atlas: ["AML.T0029"],
  },
  nesting: {
    title: "Containers in containers without end",
    severity: "critical",
    effect: "It exhausts whatever opens it, or hides what lies at the bottom from scanners that give up.",
    atlas: ["AML.T0029"],
  },
  unsupported: {
    title: "Holds what this version cannot scan",
    severity: "unscannable",
    effect: "Nothing is known of what it does.",
  },
  unreadable: {
    title: "Cannot be read",
    severity: "unscannable",
    effect: "Nothing is known of what it does.",
  },
  unknown: {
    title: "Unknown format",
    severity: "unscannable",
    effect: "Nothing is known of what it does.",
  },
  polyglot: {
    title: "Is several formats at once",
    severity: "high",
    effect: "A loader may read it as another format than a scanner does.",
  },
  crashed: {
    title: "Ended the scan",
    severity: "unscannable",
    effect: "It exhausts time or memory of a program that parses it.",
    atlas: ["AML.T0029"],
  },
  flooded: {
    title: "More findings than are listed",
    severity: "info",
    effect: "The rest has been counted, not listed.",
  },
});
