import { rulesOf } from "../../../rule.ts";

export const zipRules = rulesOf("zip", {
  "name-mismatch": {
    title: "Directory and header name different entries",
    severity: "critical",
    effect: "One reader extracts another file than the one that a scanner saw (CVE-2025-1944).",
  },
  "not-in-directory": {
    title: "Entry that the directory does not list",
    severity: "high",
    effect: "A reader that goes from the beginning finds a file that others do not.",
  },
  "no-header": {
    title: "Entry without its header",
    severity: "high",
    effect: "Readers differ in what they take for the entry's data.",
  },
  "size-mismatch": {
    title: "Directory and header differ in a size",
    severity: "high",
    effect: "Readers differ in where the entry ends, and in what it holds.",
  },
  "method-mismatch": {
    title: "Directory and header differ in how the entry is packed",
    severity: "high",
    effect: "Readers unpack different data from the same entry.",
  },
  "flag-mismatch": {
    title: "Directory and header differ in flags",
    severity: "high",
    effect: "A scanner gives up where a loader goes on (CVE-2025-1945).",
  },
  encrypted: {
    title: "Entry marked as encrypted",
    severity: "high",
    effect: "Scanners skip it; loaders that ignore the mark read it all the same (CVE-2025-1945).",
  },
  "wrong-checksum": {
    title: "Data that does not fit its checksum",
    severity: "high",
    effect: "A scanner stops with an error where a loader that checks nothing goes on (CVE-2025-10156).",
  },
  "duplicate-name": {
    title: "Two entries of one name",
    severity: "high",
    effect: "One reader takes the first, another the last.",
  },
  overlap: {
    title: "Entries that share bytes",
    severity: "critical",
    effect: "A small archive unpacks to many times its size, or one piece of data reads as several files.",
    atlas: ["AML.T0010", "AML.T0029"],
  },
  prefix: {
    title: "Data before the archive",
    severity: "medium",
    effect: "Another program may read the file as something else than a zip.",
  },
  gap: {
    title: "Data between entries",
    severity: "medium",
    effect: "Something is carried along that no entry names.",
  },
  trailing: {
    title: "Data behind the archive",
    severity: "medium",
    effect: "Another program may read the file as something else than a zip.",
  },
  "directory-count": {
    title: "Directory of another length than stated",
    severity: "high",
    effect: "Readers differ in which entries there are.",
  },
  "no-directory": {
    title: "Archive without a directory",
    severity: "high",
    effect: "Only readers that go from the beginning can open it, and a scanner that does not sees nothing.",
  },
  comment: {
    title: "Comment of the archive",
    severity: "info",
    effect: "It is text, unless a program reads the file from its end.",
  },
});
