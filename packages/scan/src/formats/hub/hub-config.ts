import type { JsonFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { checkTemplate, templateRules } from "./chat-template.ts";
import { isRecord, walkJson } from "./walk-json.ts";

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
});

/** What configurations of transformers, diffusers, sentence-transformers and peft are known by. */
const KEYS = [
  "auto_map",
  "model_type",
  "architectures",
  "tokenizer_class",
  "chat_template",
  "processor_class",
  "custom_pipelines",
  "_class_name",
  "trust_remote_code",
  "base_model_name_or_path",
  "feature_extractor_type",
  "image_processor_type",
];
const LIBRARIES = new Set([
  "diffusers",
  "transformers",
  "onnxruntime",
  "null",
  "sentence_transformers",
  "stable_diffusion",
  "flax",
  "optimum",
]);
const REFERENCE = /^(?:([\w.-]+\/[\w.-]+)--)?[\w.]+$/;

/** Configurations of a model on a hub: what code they ask to be loaded, and the chat templates in them. */
export const hubConfig: JsonFormat = {
  id: "hub-config",
  title: "Configuration of a model on a hub",
  rules: { ...hubRules, ...templateRules },
  detect: (value) => isModuleList(value) || (isRecord(value) && KEYS.some((key) => key in value)),
  scan(value, _, context) {
    if (isModuleList(value)) return checkModules(value, context);
    walkJson(value, (key, inner, path) => {
      const place = { part: path };
      if (key === "auto_map") checkAutoMap(inner, context, path);
      else if (key === "custom_pipelines")
        context.report(hubRules["remote-code"], JSON.stringify(inner).slice(0, 200), place);
      else if (key === "trust_remote_code" && inner === true)
        context.report(hubRules["trust-remote-code"], "true", place);
      else if (/chat_template/.test(key)) checkTemplates(inner, context, path);
    });
    if (isRecord(value) && "_class_name" in value) checkPipeline(value, context);
  },
};

function checkAutoMap(map: unknown, context: ScanContext, path: string): void {
  const references = isRecord(map) ? Object.values(map).flat() : [map].flat();
  for (const reference of references) {
    if (typeof reference !== "string") continue;
    const repository = REFERENCE.exec(reference)?.[1] ?? (reference.includes("--") ? reference : undefined);
    const rule = repository === undefined ? hubRules["remote-code"] : hubRules["other-repository"];
    context.report(rule, `loads ${reference}`, { part: path });
  }
}

function checkTemplates(value: unknown, context: ScanContext, path: string): void {
  if (typeof value === "string") checkTemplate(value, context, { part: path });
  else if (Array.isArray(value)) {
    for (const each of value)
      if (isRecord(each) && typeof each.template === "string")
        checkTemplate(each.template, context, { part: `${path}.${each.name}` });
  } else if (isRecord(value)) {
    for (const [name, template] of Object.entries(value))
      if (typeof template === "string") checkTemplate(template, context, { part: `${path}.${name}` });
  }
}

/** model_index.json of diffusers: each part is a library and a class in it. */
function checkPipeline(value: Readonly<Record<string, unknown>>, context: ScanContext): void {
  if (Array.isArray(value._class_name))
    context.report(hubRules["remote-code"], JSON.stringify(value._class_name), { part: "_class_name" });
  for (const [part, pair] of Object.entries(value)) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[1] !== "string" || part.startsWith("_")) continue;
    if (pair[0] === null || LIBRARIES.has(String(pair[0]).split(".")[0]!)) continue;
    context.report(hubRules["custom-class"], `${pair[0]}.${pair[1]}`, { part });
  }
}

/** modules.json of sentence-transformers: a list of modules with their types. */
function isModuleList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => isRecord(each) && typeof each.type === "string" && "path" in each && "idx" in each)
  );
}

function checkModules(modules: readonly Readonly<Record<string, unknown>>[], context: ScanContext): void {
  for (const { type, name } of modules) {
    if (/^sentence_transformers\.[\w.]+$/.test(String(type))) continue;
    context.report(hubRules["custom-class"], String(type), { part: `module ${name}` });
  }
}
