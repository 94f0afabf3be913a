import type { Format } from "../../format.ts";
import { reportSecrets, secretRules } from "./secrets.ts";

/** Text that nothing else claims: a README, a vocabulary, source code. It may hold secrets. */
export const text: Format = {
  id: "text",
  title: "Text",
  rules: secretRules,
  detect: (head) => isText(head),
  scan: reportSecrets,
};

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
