import { parseAllDocuments } from "yaml";
import type { ScanContext } from "../../format.ts";
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

/** Looks at YAML settings of models: Hydra's and NeMo's targets, MLflow's loaders, tags that build Python objects. */
export function checkSettings(text: string, context: ScanContext): void {
  const tag =
    /!!python\/[a-z/]{1,30}:?[\w.]{0,100}|!<tag:yaml\.org,2002:py[^>]{0,100}>|^%TAG[ \t]{1,20}\S{1,50}[ \t]{1,20}tag:yaml\.org,2002:\S{0,100}/m.exec(
      text,
    );
  if (tag)
    context.report(settingsRules["python-object"], tag[0], { offset: Buffer.byteLength(text.slice(0, tag.index)) });
  const mayHold = /_target_|target_class|\\(?:x|u00|U000000)[2-7]|loader_module|python_function/.test(text);
  if (!mayHold || text.length > LONGEST) return;
  for (const value of documents(text)) {
    for (const { key, path, value: inner } of nodesIn(value)) {
      if ((key === "_target_" || key === "target_class") && typeof inner === "string")
        checkTarget(inner, path, context);
    }
    if (isRecord(value) && isRecord(value.flavors)) checkFlavors(value.flavors, context);
  }
}

function documents(text: string): readonly unknown[] {
  try {
    return parseAllDocuments(text, { logLevel: "silent" }).map((document) => document.toJS({ maxAliasCount: 100 }));
  } catch {
    return []; // text that is no YAML
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
