import { parse } from "yaml";
import type { Bundle, ScanContext } from "../../format.ts";
import { readText } from "../../sources/read-text.ts";
import { isRecord } from "./walk-json.ts";

const FRONT_MATTER_BYTES = 2 ** 20;

/** Lists what a model of a hub says of itself: the settings above its README, and its configuration. */
export async function listModelCard(bundle: Bundle, context: ScanContext): Promise<void> {
  for (const readme of bundle.names.filter((name) => /(^|\/)README\.md$/.test(name))) {
    const folder = readme.slice(0, -"README.md".length);
    const card = frontMatter(await textOf(bundle, readme, context));
    const config = parsed(await textOf(bundle, `${folder}config.json`, context));
    if (!isRecord(card) && !isRecord(config)) continue;
    const said = isRecord(card) ? card : {};
    const set = isRecord(config) ? config : {};
    const task = text(said.pipeline_tag);
    const licence = text(said.license);
    const architectureFamily = text(set.model_type);
    const architecture = list(set.architectures)[0];
    context.list({
      type: "model-card",
      name: text(said.model_name) ?? (folder === "" ? "model" : folder.replace(/\/$/, "")),
      ...(task !== undefined && { task }),
      ...(architectureFamily !== undefined && { architectureFamily }),
      ...(architecture !== undefined && { architecture }),
      ...(licence !== undefined && { licence }),
      datasets: list(said.datasets),
      baseModels: list(said.base_model),
    });
  }
}

async function textOf(bundle: Bundle, name: string, context: ScanContext): Promise<string> {
  const source = await bundle.open(name);
  return source && source.size <= FRONT_MATTER_BYTES ? readText(source, context.limits) : "";
}

function frontMatter(readme: string): unknown {
  const [, yaml] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme) ?? [];
  try {
    return yaml === undefined ? undefined : parse(yaml, { maxAliasCount: 100 });
  } catch {
    return undefined; // a README is free to hold anything there
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function list(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === "string");
}
