import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { chunks, type Source } from "../../sources/source.ts";
import { parsePythonJson } from "../json/python-json.ts";
import { checkKeras } from "./keras-config.ts";
import { kerasRules } from "./keras-rules.ts";

const rules = rulesOf("hdf5", {
  "long-text": {
    title: "Text longer than a scan looks at",
    severity: "unscannable",
    effect: "A model's configuration may stand in it.",
  },
});

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const SHORTEST_TEXT = 20;

/**
 * HDF5 files, in which Keras kept models. Attributes are stored in one piece and never packed, so the configuration is found as
 * what it is, a JSON text among the bytes, wherever the file's structures say that it stands.
 */
export const hdf5: Format = {
  id: "hdf5",
  title: "HDF5",
  rules: { ...rules, ...kerasRules },
  // behind a user block of any power of two from 512 bytes on
  detect: (head) => [0, 512, 1024, 2048].some((start) => SIGNATURE.every((byte, at) => head[start + at] === byte)),
  scan: reportKerasTexts,
};

/** Looks at every configuration of Keras that stands as text among the bytes of a source. */
export function reportKerasTexts(source: Source, context: ScanContext): void {
  for (const text of textsIn(source, context)) {
    const start = text.indexOf("{");
    if (start < 0) continue;
    const end = balancedEnd(text, start);
    if (end === undefined) continue;
    const value = parsePythonJson(text.slice(start, end));
    if (value !== undefined) checkKeras(value, context);
  }
}

/** Stretches of printable bytes. */
function* textsIn(source: Source, context: ScanContext): Generator<string> {
  let parts: string[] = [];
  let length = 0;
  const isTooLong = () => length > context.limits.textBytes;
  for (const chunk of chunks(source)) {
    let start = 0;
    for (let at = 0; at <= chunk.length; at++) {
      const byte = at < chunk.length ? chunk[at]! : -1;
      const isPrintable = byte >= 0x20 || byte === 9 || byte === 10 || byte === 13;
      if (isPrintable) continue;
      if (at - start + length >= SHORTEST_TEXT || (byte === -1 && at > start)) {
        parts.push(Buffer.from(chunk.buffer, chunk.byteOffset + start, at - start).toString("utf8"));
        length += at - start;
      }
      if (byte !== -1) {
        if (isTooLong()) context.report(rules["long-text"], `${length} bytes of text`);
        else if (length >= SHORTEST_TEXT) yield parts.join("");
        parts = [];
        length = 0;
        start = at + 1;
      }
    }
    if (isTooLong()) parts = [];
  }
  if (length >= SHORTEST_TEXT) yield parts.join("");
}

/** Behind the bracket that closes the one at `start`; undefined if none does. */
function balancedEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let isQuoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at++;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}
