import { parseAllDocuments } from "yaml";
import type { JsonFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { isRecord, nodesIn } from "../hub/walk-json.ts";
import { dangerOf } from "../pickle/dangerous.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const settingsRules = rulesOf("settings", {
  "python-object": {
    ...RUNS_CODE,
    title: "YAML that builds Python objects",
    severity: "critical",
    effect: "A loader that is not a safe one imports and calls what the tag names.",
  },
  "dangerous-target": {
    ...RUNS_CODE,
    title: "Target that runs code",
    severity: "critical",
    effect: "A program that instantiates the settings calls it (CVE-2025-23304).",
  },
  "foreign-target": {
    ...RUNS_CODE,
    title: "Target outside of the usual libraries",
    severity: "high",
    effect: "A program that instantiates the settings imports and calls it.",
  },
  "loader-module": {
    ...RUNS_CODE,
    title: "Model that is loaded by a module of its own",
    severity: "high",
    effect: "Loading the model with MLflow imports the module, or the code that comes with the model.",
  },
});

const LONGEST = 2 ** 20;
const USUAL =
  /^(nemo|torch\.(nn|optim)|pytorch_lightning|lightning|omegaconf|hydra|transformers|megatron|apex|builtins\.(list|dict|tuple|str|int|float|bool))(\.|$)/;

/** Settings as JSON, which YAML takes as well. */
export const settingsJson: JsonFormat = {
  id: "settings",
  title: "Settings",
  rules: settingsRules,
  detect: (value) => isRecord(value),
  scan: (value, _, context) => checkDocument(value, context),
};

/** Looks at YAML settings of models: Hydra's and NeMo's targets, MLflow's loaders, tags that build Python objects. */
export function checkSettings(text: string, context: ScanContext): void {
  checkTags(text, context);
  if (!/_target_|target_class|\\(?:x|u00|U000000)[2-7]|loader_module|python_function/.test(text)) return;
  const values = documents(text);
  for (const value of values ?? []) checkDocument(value, context);
  if (values) return;
  for (const [, target = ""] of text.matchAll(/_target_["']?\s{0,20}:\s{0,20}["']?([\w.]{1,200})/g))
    checkTarget(target, "_target_", context);
}

/** A tag of YAML, its characters in hexadecimal too, or the declaration of a handle that stands for the beginning of one. */
const TAG = /^%TAG[ \t]{1,20}\S{1,50}[ \t]{1,20}(\S{1,200})|!<([^>\s]{1,200})>|!(![^\s,[\]{}"'`]{1,200})/gm;

function checkTags(text: string, context: ScanContext): void {
  for (const { 0: tag, 1: prefix, 2: whole, 3: short, index } of text.matchAll(TAG)) {
    const name = plain(prefix ?? whole ?? short ?? "");
    const isOthers = prefix !== undefined && /^(?:!|tag:(?!yaml\.org)[\w.-]{1,100},\d{4})/.test(name);
    if (prefix !== undefined ? isOthers : !/^(?:!|tag:yaml\.org,2002:)python\//.test(name)) continue;
    const offset = Buffer.byteLength(text.slice(0, index));
    context.report(settingsRules["python-object"], tag, { offset });
    return;
  }
}

/** With the characters that an address writes as %70. */
function plain(tag: string): string {
  return tag.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function checkDocument(value: unknown, context: ScanContext): void {
  for (const { key, path, value: inner } of nodesIn(value)) {
    if ((key === "_target_" || key === "target_class") && typeof inner === "string") checkTarget(inner, path, context);
  }
  if (isRecord(value) && isRecord(value.flavors)) checkFlavors(value.flavors, context);
}

/** Undefined for a text that is too long to parse, or that names itself without end. */
function documents(text: string): readonly unknown[] | undefined {
  if (text.length > LONGEST) return undefined;
  try {
    return parseAllDocuments(text, { logLevel: "silent" }).map((document) => document.toJS({ maxAliasCount: 100 }));
  } catch {
    return undefined;
  }
}

function checkTarget(target: string, path: string, context: ScanContext): void {
  const [, module = "", name = target] = /^(.*)\.([^.]+)$/.exec(target) ?? [];
  const place = { part: path };
  if (dangerOf(module, name)) context.report(settingsRules["dangerous-target"], target, place);
  else if (!USUAL.test(target)) context.report(settingsRules["foreign-target"], target, place);
}

function checkFlavors(flavors: Readonly<Record<string, unknown>>, context: ScanContext): void {
  const python = flavors.python_function;
  if (!isRecord(python)) return;
  const { loader_module: loader, code } = python;
  const place = { part: "flavors.python_function" };
  if (typeof loader === "string" && !/^mlflow\.\w+$/.test(loader))
    context.report(settingsRules["loader-module"], loader, place);
  if (typeof code === "string") context.report(settingsRules["loader-module"], `code from ${code}`, place);
}
