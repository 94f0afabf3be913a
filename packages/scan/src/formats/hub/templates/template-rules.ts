import { rulesOf } from "../../../rule.ts";

const RUNS = { atlas: ["AML.T0010", "AML.T0011"] };
const STEERS = { atlas: ["AML.T0010", "AML.T0051"] };

export const templateRules = rulesOf("template", {
  "dunder-access": {
    title: "Template that reaches into Python",
    severity: "critical",
    effect: "A loader that renders it outside a sandbox runs any Python code (CVE-2024-34359).",
    ...RUNS,
  },
  "run-command": {
    title: "Template that calls what runs commands",
    severity: "critical",
    effect: "A loader that renders it outside a sandbox runs the command.",
    ...RUNS,
  },
  obfuscated: {
    title: "Attribute whose name is not in the template",
    severity: "high",
    effect:
      "It is put together while it is rendered, or stands in the message: nobody can read which attribute is reached.",
    ...RUNS,
  },
  escape: {
    title: "Object that leads out of the template",
    severity: "high",
    effect: "From cycler, joiner, lipsum, self and the like a template reaches Python's modules.",
    ...RUNS,
  },
  import: {
    title: "Template that takes in another file",
    severity: "high",
    effect: "It reads a file beside the loader's templates.",
    ...RUNS,
  },
  exhaustion: {
    title: "Template that does not end in time",
    severity: "high",
    effect: "Rendering it takes the processor or the memory of the machine.",
    atlas: ["AML.T0029"],
  },
  invisible: {
    title: "Characters that nobody sees",
    severity: "high",
    effect: "The model reads an instruction that a reviewer of the template does not.",
    ...STEERS,
  },
  "message-condition": {
    title: "Condition on what a message says",
    severity: "medium",
    effect: "For messages with these words the model is given another prompt: a back door without a changed weight.",
    ...STEERS,
  },
  "time-condition": {
    title: "Condition on the date",
    severity: "medium",
    effect: "From a day on the model is given another prompt.",
    ...STEERS,
  },
  "hidden-instruction": {
    title: "Order to the model against its user",
    severity: "medium",
    effect: "Every conversation carries an instruction that the user does not see.",
    ...STEERS,
  },
  url: {
    title: "Address in a template",
    severity: "medium",
    effect: "The model is made to name or to fetch the address.",
    ...STEERS,
  },
  encoded: {
    title: "Long encoded text",
    severity: "medium",
    effect: "The model reads what a reviewer of the template does not.",
    ...STEERS,
  },
  padding: {
    title: "Long run of white space",
    severity: "medium",
    effect: "What follows lies outside the window of whoever looks at the template.",
    ...STEERS,
  },
  unparsable: {
    title: "Template that cannot be parsed",
    severity: "medium",
    effect: "What it does is not known; only its words have been searched.",
  },
});
