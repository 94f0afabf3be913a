import type { Bundle, BundleFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { readText } from "../../sources/read-text.ts";
import { parsePythonJson } from "../json/python-json.ts";
import { listModelCard } from "./model-card.ts";
import { checkTemplate } from "./templates/check-template.ts";
import { nodesIn, objectsIn } from "./walk-json.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

const rules = rulesOf("hub-folder", {
  "named-code": {
    ...RUNS_CODE,
    title: "Python file that the configuration names",
    severity: "high",
    effect: "Loading the model with trust_remote_code runs it.",
  },
  "generation-code": {
    ...RUNS_CODE,
    title: "Code that generation loads",
    severity: "high",
    effect: "Calling generate with this repository as custom_generate runs the code.",
  },
  "handler-code": {
    ...RUNS_CODE,
    title: "Code that a server loads",
    severity: "medium",
    effect: "An inference server that finds the file runs it.",
  },
  code: {
    title: "Python files beside the model",
    severity: "low",
    effect: "They run where something imports them.",
  },
});

const CONFIGS =
  /(^|\/)(config|model_index|tokenizer_config|adapter_config|preprocessor_config|processor_config|modules|generation_config)\.json$/;
const TEMPLATES = /(^|\/)(chat_template\.jinja2?|(additional_)?chat_templates\/[^/]+\.jinja2?)$/;
const LARGEST_CONFIG = 2 ** 22;

/** The folder of a model on a hub, by the names that its loaders look for. */
export const hubFolder: BundleFormat = {
  id: "hub-folder",
  title: "Folder of a model on a hub",
  rules,
  detect: (names) => names.some((name) => CONFIGS.test(name) || TEMPLATES.test(name)),
  async scan(bundle, context) {
    await listModelCard(bundle, context);
    const scripts = bundle.names.filter((name) => name.endsWith(".py"));
    const named = scripts.length === 0 ? new Set<string>() : await namedModules(bundle, context);
    for (const name of scripts) {
      if (named.has(name.split("/").at(-1)!.slice(0, -3))) context.report(rules["named-code"], name, { entry: name });
      if (/(^|\/)custom_generate\//.test(name)) context.report(rules["generation-code"], name, { entry: name });
      else if (/(^|\/)(handler|pipeline|inference|model_handler)\.py$/.test(name))
        context.report(rules["handler-code"], name, { entry: name });
    }
    if (scripts.length > 0) context.report(rules.code, scripts.slice(0, 10).join(", "));
    for (const name of bundle.names.filter((each) => TEMPLATES.test(each))) {
      const source = await bundle.open(name);
      if (source)
        await context.attempt(name, () => checkTemplate(readText(source, context.limits), { entry: name }, context));
    }
  },
};

/** Modules that the folder's configurations load classes from: "modeling_own" of "modeling_own.OwnModel". */
async function namedModules(bundle: Bundle, context: ScanContext): Promise<ReadonlySet<string>> {
  const modules = new Set<string>();
  for (const name of bundle.names.filter((each) => CONFIGS.test(each))) {
    const source = await bundle.open(name);
    if (!source || source.size > LARGEST_CONFIG) continue;
    for (const { value } of objectsIn(parsePythonJson(readText(source, context.limits)))) {
      for (const { value: reference } of nodesIn([value.auto_map, value.custom_pipelines])) {
        const [, module] = /^(?:.{0,200}--)?(\w{1,200})\.[\w.]{1,200}$/.exec(String(reference)) ?? [];
        if (module !== undefined) modules.add(module);
      }
    }
  }
  return modules;
}
