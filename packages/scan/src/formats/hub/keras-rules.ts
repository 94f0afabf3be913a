import { rulesOf } from "../../rule.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const kerasRules = rulesOf("keras", {
  "lambda-code": {
    ...RUNS_CODE,
    title: "Lambda layer with compiled code",
    severity: "critical",
    effect: "Loading the model runs bytecode that it carries (CVE-2024-3660, CVE-2025-9905).",
  },
  lambda: {
    ...RUNS_CODE,
    title: "Lambda layer",
    severity: "high",
    effect: "The layer calls a function that the program that loads the model has to have.",
  },
  "dangerous-module": {
    ...RUNS_CODE,
    title: "Imports what runs code",
    severity: "critical",
    effect: "Loading the model imports and calls it (CVE-2025-1550).",
  },
  "foreign-module": {
    ...RUNS_CODE,
    title: "Imports a module that is not of Keras",
    severity: "high",
    effect: "Loading the model imports the module (CVE-2025-1550).",
  },
  gadget: {
    ...RUNS_CODE,
    title: "Uses a function of Keras that loads files or turns safety off",
    severity: "critical",
    effect:
      "Loading the model fetches a file, or allows everything that follows (CVE-2025-8747, CVE-2025-9906, CVE-2025-49655).",
  },
  "unusual-function": {
    ...RUNS_CODE,
    title: "Uses a part of Keras that models are not made of",
    severity: "high",
    effect: "Loading the model calls it with arguments of the author's choice.",
  },
  "custom-object": {
    title: "Custom class",
    severity: "high",
    effect: "The program that loads the model has to bring the class, with whatever it does.",
  },
  "external-file": {
    title: "Vocabulary from a file or an address",
    severity: "medium",
    effect: "Loading the model reads a file of the machine, or fetches one, into the model (CVE-2025-12058).",
  },
});
