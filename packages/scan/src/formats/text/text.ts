import type { Format, ScanContext } from "../../format.ts";
import { readText } from "../../sources/read-text.ts";
import type { Source } from "../../sources/source.ts";
import { checkTemplate } from "../hub/templates/check-template.ts";
import { isTemplate } from "../hub/templates/is-template.ts";
import { templateRules } from "../hub/templates/template-rules.ts";
import { reportSecrets, secretRules } from "./secrets.ts";
import { checkSettings, settingsRules } from "./settings.ts";

/** Text that nothing else claims: a README, a vocabulary, source code. It may hold secrets, settings that run code, or a chat template. */
export const text: Format = {
  id: "text",
  title: "Text",
  rules: { ...secretRules, ...settingsRules, ...templateRules },
  detect: (head) => isText(head),
  scan,
};

function scan(source: Source, context: ScanContext): void {
  reportSecrets(source, context);
  if (source.size > context.limits.textBytes) return; // a vocabulary or a log: no settings or templates are as long
  const content = readText(source, context.limits);
  checkSettings(content, context);
  if (isTemplate(content)) checkTemplate(content, {}, context);
}

const CONTROL = new Set([0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b]);

/** Whether bytes are UTF-8 without control characters; a character cut off at the end counts as whole. */
export function isText(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x20 && !CONTROL.has(byte)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
