import type { JsonFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { dangerOf } from "../pickle/dangerous.ts";
import { isRecord, walkJson } from "./walk-json.ts";

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

const GADGETS =
  /^(get_file|enable_unsafe_deserialization|load_model|load_weights|deserialize_keras_object|deserialize|set_custom_objects|TorchModuleWrapper|TFSMLayer|run_script|import_module|update_rules)$/;
const OWN = /^(keras|keras_hub|keras_nlp|keras_cv|tf_keras|tensorflow\.keras|tensorflow\.python\.keras|builtins)(\.|$)/;

/** Configurations of Keras models, from .keras archives and from HDF5 files: every class that they name is looked at. */
export const kerasConfig: JsonFormat = {
  id: "keras-config",
  title: "Keras model",
  rules: kerasRules,
  detect: (value) => isRecord(value) && typeof value.class_name === "string" && "config" in value,
  scan: (value, _, context) => checkKeras(value, context),
};

/** Reports every layer and function of a configuration that runs something. */
export function checkKeras(config: unknown, context: ScanContext): void {
  if (isRecord(config)) checkObject(config, "", context);
  walkJson(config, (_, inner, path) => {
    for (const each of Array.isArray(inner) ? inner : [inner]) if (isRecord(each)) checkObject(each, path, context);
  });
}

function checkObject(value: Readonly<Record<string, unknown>>, path: string, context: ScanContext): void {
  const { class_name: className, module, registered_name: registered, config } = value;
  if (typeof className !== "string") return;
  const place = { part: path === "" ? className : path };
  if (className === "__lambda__") context.report(kerasRules["lambda-code"], "a function as compiled code", place);
  if (className === "Lambda") checkLambda(config, place, context);
  const name = className === "function" && typeof config === "string" ? config : className;
  for (const each of [name, registered]) {
    const last = String(each ?? "")
      .split(/[.>]/)
      .at(-1)!;
    if (GADGETS.test(last)) context.report(kerasRules.gadget, `${module ?? ""} ${last}`.trim(), place);
  }
  if (typeof module === "string") {
    const [, root] = OWN.exec(module) ?? [];
    const danger = dangerOf(module, name);
    if ((root === undefined || root === "builtins") && danger)
      context.report(kerasRules["dangerous-module"], `${module}.${name}`, place);
    else if (root === undefined) context.report(kerasRules["foreign-module"], `${module}.${name}`, place);
    else if (/\.\./.test(module)) context.report(kerasRules["foreign-module"], module, place);
  }
  if (typeof registered === "string" && /^Custom>|^(?!keras)[\w.]+>/.test(registered)) {
    context.report(kerasRules["custom-object"], registered, place);
  }
  if (isRecord(config)) {
    const { vocabulary, filepath } = config;
    for (const file of [vocabulary, filepath]) {
      if (typeof file === "string" && file !== "")
        context.report(kerasRules["external-file"], file.slice(0, 200), place);
    }
  }
}

function checkLambda(config: unknown, place: { readonly part: string }, context: ScanContext): void {
  const given = isRecord(config) ? config.function : undefined;
  const isCode =
    Array.isArray(given) ||
    (isRecord(given) && given.class_name === "__lambda__") ||
    (isRecord(config) && config.function_type === "lambda");
  if (isCode) context.report(kerasRules["lambda-code"], "a Lambda layer whose function is compiled code", place);
  else context.report(kerasRules.lambda, `calls ${JSON.stringify(given)?.slice(0, 200)}`, place);
}
