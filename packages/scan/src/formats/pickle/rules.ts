import { rulesOf } from "../../rule.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const pickleRules = rulesOf("pickle", {
  "dangerous-call": {
    ...RUNS_CODE,
    title: "Calls what runs code",
    severity: "critical",
    effect: "Loading the file runs a program or code of its author's choice.",
  },
  "dangerous-import": {
    ...RUNS_CODE,
    title: "Imports what runs code",
    severity: "critical",
    effect: "Loading the file puts a function that runs code where it can be called.",
  },
  "network-or-file": {
    ...RUNS_CODE,
    title: "Uses the network or the file system",
    severity: "high",
    effect: "Loading the file connects somewhere, or reads or writes files.",
  },
  trampoline: {
    ...RUNS_CODE,
    title: "Makes something callable out of names",
    severity: "high",
    effect: "Loading the file can reach functions whose names are not in it.",
  },
  "unknown-call": {
    ...RUNS_CODE,
    title: "Calls what is on no list of harmless names",
    severity: "high",
    effect: "Loading the file runs code of a package that this scan knows nothing of.",
  },
  "unknown-import": {
    title: "Imports what is on no list of harmless names",
    severity: "medium",
    effect: "Loading the file imports a module, which runs the module's own code.",
  },
  "attribute-path": {
    ...RUNS_CODE,
    title: "Reaches through a module for what it imported",
    severity: "critical",
    effect: "Loading the file takes a function from behind a module that looks harmless.",
  },
  "unresolved-global": {
    ...RUNS_CODE,
    title: "Imports by names that are not plain text",
    severity: "critical",
    effect: "What is imported is decided while the file is loaded, out of sight of a scanner.",
  },
  "indirect-call": {
    ...RUNS_CODE,
    title: "Calls what an earlier call returned",
    severity: "high",
    effect: "What runs is decided while the file is loaded.",
  },
  extension: {
    ...RUNS_CODE,
    title: "Imports by a number of the extension registry",
    severity: "critical",
    effect: "What is imported depends on a registry outside of the file.",
  },
  "rewrites-callable": {
    ...RUNS_CODE,
    title: "Changes attributes of a function, class or module",
    severity: "critical",
    effect: "Something that others call later does something else from then on.",
  },
  "code-object": {
    ...RUNS_CODE,
    title: "Carries compiled code",
    severity: "critical",
    effect: "Loading the file makes a function from bytecode that it carries.",
  },
  marshal: {
    title: "Bytes that look like compiled Python",
    severity: "medium",
    effect: "They run if something unmarshals them.",
  },
  "misplaced-protocol": {
    title: "Protocol stated twice or in the middle",
    severity: "medium",
    effect: "No writer does so: parsers differ in what they make of it.",
  },
  frame: {
    title: "Opcode that crosses the end of its frame",
    severity: "medium",
    effect: "The loaders in C and in Python read different opcodes from it.",
  },
  expansion: {
    title: "Tuples of tuples without end",
    severity: "high",
    effect: "Hashing, comparing or printing what is loaded exhausts the machine.",
    atlas: ["AML.T0029"],
  },
  trailing: {
    title: "Data behind the pickle",
    severity: "medium",
    effect: "Something is carried along that loading does not read, and other programs may.",
  },
  "shadowed-memo": {
    title: "Memo entry that was overwritten by another kind of value",
    severity: "medium",
    effect: "Scanners that keep the first value see another import than the one that is made.",
  },
  "magic-by-call": {
    ...RUNS_CODE,
    title: "Magic number that is computed",
    severity: "critical",
    effect: "A call hides where a loader expects the number that begins a PyTorch file.",
  },
  "persistent-id": {
    title: "Objects kept elsewhere",
    severity: "info",
    effect: "What they are is up to the program that loads the file.",
  },
});
