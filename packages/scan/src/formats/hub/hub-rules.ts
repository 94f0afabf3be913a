import { rulesOf } from "../../rule.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const hubRules = rulesOf("hub", {
  "remote-code": {
    ...RUNS_CODE,
    title: "Loads classes from code in the repository",
    severity: "high",
    effect: "Loading the model with trust_remote_code runs Python files of its author.",
  },
  "other-repository": {
    ...RUNS_CODE,
    title: "Loads classes from code in another repository",
    severity: "critical",
    effect: "Loading the model runs Python files that somebody else can change at any time.",
  },
  "trust-remote-code": {
    ...RUNS_CODE,
    title: "Asks for trust in remote code",
    severity: "high",
    effect: "A program that takes its settings from the file runs code of the repository without being asked.",
  },
  "custom-class": {
    ...RUNS_CODE,
    title: "Names a class outside of the usual libraries",
    severity: "high",
    effect: "Loading the model imports a module of its author's choice.",
  },
  "dangerous-class": {
    ...RUNS_CODE,
    title: "Names what runs code as a class",
    severity: "critical",
    effect: "Loading the model imports it by its name and calls it.",
  },
  kernel: {
    ...RUNS_CODE,
    title: "Takes a compiled kernel from a repository",
    severity: "high",
    effect: "Loading the model downloads and runs native code that somebody else can change at any time.",
  },
});
