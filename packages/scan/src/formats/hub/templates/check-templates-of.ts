import type { ScanContext } from "../../../format.ts";
import { isRecord, objectsIn } from "../walk-json.ts";
import { checkTemplate } from "./check-template.ts";

/** Checks the chat templates of a configuration: one text, texts by name, or a list of { name, template }. */
export function checkTemplatesOf(value: unknown, context: ScanContext): void {
  for (const { path, value: settings } of objectsIn(value)) {
    for (const [key, template] of Object.entries(settings)) {
      if (!/chat_template/.test(key)) continue;
      for (const [name, text] of textsOf(template)) {
        const part = [path, key, name].filter((each) => each !== "").join(".");
        checkTemplate(text, { part }, context);
      }
    }
  }
}

function textsOf(template: unknown): readonly (readonly [name: string, text: string])[] {
  if (typeof template === "string") return [["", template]];
  if (Array.isArray(template)) {
    return template.flatMap((each, index): (readonly [string, string])[] => {
      if (typeof each === "string") return [[String(index), each]];
      if (!isRecord(each) || typeof each.template !== "string") return [];
      return [[typeof each.name === "string" ? each.name : String(index), each.template]];
    });
  }
  if (!isRecord(template)) return [];
  return Object.entries(template).flatMap(([name, text]): (readonly [string, string])[] =>
    typeof text === "string" ? [[name, text]] : [],
  );
}
