import type { BundleFormat } from "../../format.ts";
import { rulesOf } from "../../rule.ts";

const rules = rulesOf("hub-folder", {
  "generation-code": {
    title: "Code that generation loads",
    severity: "high",
    effect: "Calling generate with this repository as custom_generate runs the code.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  "handler-code": {
    title: "Code that a server loads",
    severity: "medium",
    effect: "An inference server that finds the file runs it.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  code: {
    title: "Python files beside the model",
    severity: "low",
    effect: "They run where something imports them.",
  },
});

const CONFIGS =
  /(^|\/)(config|model_index|tokenizer_config|adapter_config|preprocessor_config|modules|generation_config)\.json$/;

/** The folder of a model on a hub, by the names that its loaders look for. */
export const hubFolder: BundleFormat = {
  id: "hub-folder",
  title: "Folder of a model on a hub",
  rules,
  detect: (names) => names.some((name) => CONFIGS.test(name)),
  scan({ names }, context) {
    const scripts = names.filter((name) => name.endsWith(".py"));
    for (const name of scripts) {
      if (/(^|\/)custom_generate\//.test(name)) context.report(rules["generation-code"], name, { entry: name });
      else if (/(^|\/)(handler|pipeline|inference|model_handler)\.py$/.test(name))
        context.report(rules["handler-code"], name, { entry: name });
    }
    if (scripts.length > 0) context.report(rules.code, scripts.slice(0, 10).join(", "));
  },
};
