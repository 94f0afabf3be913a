import type { Format } from "../../format.ts";
import { readText } from "../../sources/read-text.ts";
import { reportSecrets } from "../text/secrets.ts";
import { isText, text } from "../text/text.ts";
import { jsonFormats } from "./json-formats.ts";

/** A JSON document; what it says is looked at by the JSON formats that know it. */
export const json: Format = {
  id: "json",
  title: "JSON",
  rules: {},
  detect(head, source) {
    const first = head.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
    if ((first !== 0x7b && first !== 0x5b) || !isText(head)) return false;
    return source.size > head.length || parse(new TextDecoder().decode(head)) !== undefined;
  },
  async scan(source, context) {
    const value = parse(readText(source, context.limits));
    if (value === undefined) return text.scan(source, context); // a list of documents, or prose that begins with a bracket
    reportSecrets(source, context);
    for (const format of jsonFormats) {
      if (format.detect(value)) await format.scan(value, source, context);
    }
  },
};

/** A JSON value, of Python's dialect too, which knows NaN and Infinity; undefined if it is none. */
function parse(content: string): unknown {
  for (const variant of [
    () => content,
    () => content.replace(NOT_A_NUMBER, (whole, quoted) => quoted ?? (whole ? "null" : "")),
  ]) {
    try {
      return JSON.parse(variant());
    } catch {
      // the other dialect, or none
    }
  }
  return undefined;
}

const NOT_A_NUMBER = /("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g;
