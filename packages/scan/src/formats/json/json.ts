import { ScanError } from "../../errors.ts";
import type { Format } from "../../format.ts";
import { readText } from "../../sources/read-text.ts";
import { reportSecrets } from "../text/secrets.ts";
import { isText } from "../text/text.ts";
import { jsonFormats } from "./json-formats.ts";

/** A JSON document; what it says is looked at by the JSON formats that know it. */
export const json: Format = {
  id: "json",
  title: "JSON",
  rules: {},
  detect(head, source) {
    const first = head.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
    if ((first !== 0x7b && first !== 0x5b) || !isText(head)) return false;
    return source.size > head.length || parses(new TextDecoder().decode(head));
  },
  async scan(source, context) {
    reportSecrets(source, context);
    const value = parse(readText(source, context.limits));
    for (const format of jsonFormats) {
      if (format.detect(value)) await format.scan(value, source, context);
    }
  },
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ScanError("MALFORMED", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
