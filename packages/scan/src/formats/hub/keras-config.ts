import type { JsonFormat, ScanContext } from "../../format.ts";
import { dangerOf } from "../pickle/dangerous.ts";
import { kerasRules } from "./keras-rules.ts";
import { isRecord, objectsIn } from "./walk-json.ts";

const GADGETS =
  /^(get_file|enable_unsafe_deserialization|load_model|load_weights|deserialize_keras_object|deserialize|set_custom_objects|TorchModuleWrapper|TFSMLayer|run_script|import_module|update_rules)$/;
/** Parts of Keras that models are made of: everything else in it is a tool, which no configuration has to name. */
const PARTS =
  /(?:^|\.)(?:layers|activations|backend|constraints|dtype_policies|engine|initializers|losses|metrics|mixed_precision|models|ops|optimizers|quantizers|random|regularizers|samplers|tokenizers|trainers|v1|v2)(?:\.|$)|^(?:keras|tf_keras|tensorflow\.keras|builtins)$/;
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
  for (const { path, value } of objectsIn(config)) checkObject(value, path, context);
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
    else if (!PARTS.test(module)) context.report(kerasRules["unusual-function"], `${module}.${name}`, place);
    else if (/\.\./.test(module)) context.report(kerasRules["foreign-module"], module, place);
  }
  if (module === "builtins" && className === "function" && !dangerOf(module, name))
    context.report(kerasRules["custom-object"], `the function ${name}`, place);
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
