import type { JsonFormat, ScanContext } from "../../format.ts";
import { hubRules as rules } from "./hub-rules.ts";
import { isDangerousName, isWithinPackages } from "./python-names.ts";
import { checkTemplatesOf } from "./templates/check-templates-of.ts";
import { templateRules } from "./templates/template-rules.ts";
import { isRecord, nodesIn, objectsIn } from "./walk-json.ts";

type Settings = Readonly<Record<string, unknown>>;

const KEYS = new Set([
  ..."auto_map trust_remote_code custom_pipelines custom_pipeline auto_mapping chat_template chat_templates".split(" "),
  ..."_class_name attn_implementation _attn_implementation custom_generate".split(" "),
]);
const SENTENCE_MODULES = ["sentence_transformers", "pylate.models", "transformers"];
/** Libraries of a diffusers pipeline, and modules of diffusers.pipelines that stand for one. */
const LIBRARIES: ReadonlySet<string> = new Set([
  ..."diffusers transformers optimum onnxruntime flax peft tokenizers sentencepiece".split(" "),
  ..."stable_diffusion stable_diffusion_safe stable_diffusion_xl stable_cascade deepfloyd_if kandinsky kandinsky2_2".split(
    " ",
  ),
  ..."wuerstchen unclip audioldm audioldm2 shap_e paint_by_example latent_diffusion versatile_diffusion".split(" "),
  ..."unidiffuser alt_diffusion semantic_stable_diffusion kolors blip_diffusion ddpm ddim vq_diffusion musicldm".split(
    " ",
  ),
  ..."spectrogram_diffusion cogvideo flux sana ltx hunyuan_video wan".split(" "),
]);

/** Configurations of Transformers, Diffusers, PEFT and Sentence Transformers, whatever the file is called: code that a loader imports, and chat templates. */
export const hubConfig: JsonFormat = {
  id: "hub-config",
  title: "Configuration of a model on a hub",
  rules: { ...rules, ...templateRules },
  detect: (value) => isModuleList(value) || hasKey(value),
  scan(value, _source, context) {
    if (isModuleList(value)) checkModules(value, context);
    for (const { path, value: settings } of objectsIn(value)) checkSettings(settings, path, context);
    checkTemplatesOf(value, context);
  },
};

function hasKey(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) for (const key of Object.keys(next)) if (KEYS.has(key)) return true;
    for (const part of Object.values(next)) if (typeof part === "object" && part !== null) left.push(part);
  }
  return false;
}

/** modules.json of Sentence Transformers. */
function isModuleList(value: unknown): value is readonly Settings[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (each) => isRecord(each) && typeof each.type === "string" && "path" in each && ("idx" in each || "name" in each),
    )
  );
}

function checkModules(modules: readonly Settings[], context: ScanContext): void {
  for (const [index, { type }] of modules.entries())
    checkClass(String(type), SENTENCE_MODULES, `[${index}].type`, context);
}

function checkSettings(settings: Settings, path: string, context: ScanContext): void {
  const place = (key: string) => ({ part: path === "" ? key : `${path}.${key}` });
  if (settings.auto_map !== undefined) checkAutoMap(settings.auto_map, place("auto_map").part, context);
  if (settings.trust_remote_code === true)
    context.report(rules["trust-remote-code"], "trust_remote_code is true", place("trust_remote_code"));
  checkPipelines(settings, place, context);
  const attention = settings.attn_implementation ?? settings._attn_implementation;
  if (typeof attention === "string" && attention.includes("/"))
    context.report(rules.kernel, `attention from '${attention}'`, place("attn_implementation"));
  if (typeof settings.custom_generate === "string")
    context.report(rules["remote-code"], `generates by '${settings.custom_generate}'`, place("custom_generate"));
  if (isRecord(settings.auto_mapping)) {
    const { parent_library: library, base_model_class: name } = settings.auto_mapping;
    const known = ["transformers", "diffusers", "torch", "sentence_transformers", "timm"];
    if (typeof library === "string")
      checkClass(`${library}.${typeof name === "string" ? name : ""}`, known, place("auto_mapping").part, context);
  }
}

/** "module.Class", lists of them, or "owner/repository--module.Class". */
function checkAutoMap(map: unknown, path: string, context: ScanContext): void {
  for (const { path: within, value } of nodesIn(map)) {
    if (typeof value !== "string") continue;
    const place = { part: within === "" ? path : `${path}.${within}` };
    if (value.includes("--")) context.report(rules["other-repository"], `'${value}'`, place);
    else context.report(rules["remote-code"], `'${value}'`, place);
  }
}

function checkPipelines(
  settings: Settings,
  place: (key: string) => { readonly part: string },
  context: ScanContext,
): void {
  if (isRecord(settings.custom_pipelines)) {
    for (const [name, pipeline] of Object.entries(settings.custom_pipelines)) {
      const code = isRecord(pipeline) ? pipeline.impl : pipeline;
      const rule = String(code).includes("--") ? rules["other-repository"] : rules["remote-code"];
      context.report(rule, `'${name}' is ${JSON.stringify(code)}`, place("custom_pipelines"));
    }
  }
  if (typeof settings.custom_pipeline === "string")
    context.report(rules["remote-code"], `'${settings.custom_pipeline}'`, place("custom_pipeline"));
  const { _class_name: own } = settings;
  if (own === undefined) return;
  if (Array.isArray(own))
    context.report(rules["remote-code"], `the class ${JSON.stringify(own)}`, place("_class_name"));
  checkParts(settings, own, place, context);
}

/** The parts of a pipeline: each a library and a class in it. */
function checkParts(
  settings: Settings,
  own: unknown,
  place: (key: string) => { readonly part: string },
  context: ScanContext,
): void {
  const parts = Object.entries(settings).flatMap(([key, value]) => {
    const [library, name] = Array.isArray(value) && value.length === 2 && key !== "_class_name" ? value : [];
    return typeof library === "string" && typeof name === "string" ? [{ key, library, name }] : [];
  });
  const isIndex =
    Array.isArray(own) || /Pipeline$/.test(String(own)) || parts.some(({ library }) => LIBRARIES.has(library));
  if (!isIndex) return; // a part's own configuration, in which two names are not a library and a class
  for (const { key, library, name } of parts)
    checkClass(`${library}.${name}`, [...LIBRARIES], place(key).part, context);
}

function checkClass(dotted: string, known: readonly string[], part: string, context: ScanContext): void {
  if (isDangerousName(dotted)) context.report(rules["dangerous-class"], `'${dotted}'`, { part });
  else if (!isWithinPackages(dotted, known)) context.report(rules["custom-class"], `'${dotted}'`, { part });
}
