import type { ScanContext } from "../format.ts";
import { dependencyRules } from "./rules.ts";

/** Calls that take a model or a data set from a hub by its name, with their other arguments. */
const CALLS =
  /\b(?:from_pretrained|snapshot_download|hf_hub_download|load_dataset|SentenceTransformer|torch\.hub\.load)\(\s*(?:repo_id\s*=\s*|model_id\s*=\s*)?["']([\w.-]+\/[\w.-]+)["']([^()]{0,400})/g;

/** Reports models and data sets that code loads by a name alone: whoever takes over the name decides what is loaded. */
export function checkHubReferences(code: string, entry: string, context: ScanContext): void {
  for (const { 0: call, 1: name = "", 2: rest = "", index } of code.matchAll(CALLS)) {
    if (/\b(?:revision|commit_hash)\s*=\s*["'][0-9a-f]{40}["']/.test(rest)) continue;
    context.report(dependencyRules["hub-reference"], call.slice(0, 160), {
      entry,
      part: name,
      offset: Buffer.byteLength(code.slice(0, index)),
    });
  }
}
