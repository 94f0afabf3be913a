import type { Format } from "../../format.ts";
import { readText } from "../../sources/read-text.ts";
import { reportSecrets } from "../text/secrets.ts";
import { isText, text } from "../text/text.ts";
import { jsonFormats } from "./json-formats.ts";
import { parsePythonJson } from "./python-json.ts";

/** A JSON document; what it says is looked at by the JSON formats that know it. */
export const json: Format = {
  id: "json",
  title: "JSON",
  rules: {},
  detect(head, source) {
    const first = head.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
    if ((first !== 0x7b && first !== 0x5b) || !isText(head)) return false;
    return source.size > head.length || parsePythonJson(new TextDecoder().decode(head)) !== undefined;
  },
  async scan(source, context) {
    const value = parsePythonJson(readText(source, context.limits));
    if (value === undefined) return text.scan(source, context); // a list of documents, or prose that begins with a bracket
    reportSecrets(source, context);
    for (const format of jsonFormats) {
      if (format.detect(value)) await format.scan(value, source, context);
    }
  },
};
