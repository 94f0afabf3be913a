import { ScanError } from "../../../errors.ts";
import type { Format, ScanContext } from "../../../format.ts";
import { rulesOf } from "../../../rule.ts";
import { chunks, type Source } from "../../../sources/source.ts";
import { parsePythonJson } from "../../json/python-json.ts";
import { checkKeras } from "../keras-config.ts";
import { kerasRules } from "../keras-rules.ts";
import { referencesOf } from "./references.ts";

const rules = rulesOf("hdf5", {
  "other-file": {
    title: "Takes data from another file",
    severity: "high",
    effect: "Loading the model reads any file of the machine into its weights (CVE-2026-1669).",
  },
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
  detect: (_, source) => baseOf(source) !== undefined,
  scan(source, context) {
    reportKerasTexts(source, context);
    const base = baseOf(source) ?? 0;
    const widths = widthsAt(source, base);
    if (widths.some((width) => width !== 8))
      throw new ScanError("UNSUPPORTED", `HDF5: offsets and lengths of ${widths.join(" and ")} bytes`);
    for (const { kind, target, offset } of referencesOf(source, base))
      context.report(rules["other-file"], `${kind === "array" ? "an" : "a"} ${kind} in ${target}`, { offset });
  },
};

/** Where the file begins: at its first byte, or behind a user block of any power of two from 512 bytes on. */
function baseOf(source: Source): number | undefined {
  for (let base = 0; base < source.size; base = base === 0 ? 512 : base * 2) {
    const bytes = source.read(base, SIGNATURE.length);
    if (SIGNATURE.every((byte, at) => bytes[at] === byte)) return base;
  }
  return undefined;
}

/** Bytes of an offset and of a length, as the superblock has them. */
function widthsAt(source: Source, base: number): readonly number[] {
  const [version = 0, ...rest] = source.read(base + 8, 8);
  return version < 2 ? rest.slice(4, 6) : rest.slice(0, 2);
}

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

/** Of each byte, whether it can stand in a text; the one behind the last stands for the end of a chunk. */
const IS_PRINTABLE = Uint8Array.from({ length: 257 }, (_, byte) =>
  (byte >= 0x20 && byte < 256) || byte === 9 || byte === 10 || byte === 13 ? 1 : 0,
);
const END = 256;

/** Stretches of printable bytes. */
function* textsIn(source: Source, context: ScanContext): Generator<string> {
  let parts: string[] = [];
  let length = 0;
  const isTooLong = () => length > context.limits.textBytes;
  for (const chunk of chunks(source)) {
    let start = 0;
    for (let at = 0; at <= chunk.length; at++) {
      const byte = at < chunk.length ? chunk[at]! : END;
      if (IS_PRINTABLE[byte] === 1) continue;
      if (at - start + length >= SHORTEST_TEXT || (byte === END && at > start)) {
        parts.push(Buffer.from(chunk.buffer, chunk.byteOffset + start, at - start).toString("utf8"));
        length += at - start;
      }
      start = at + 1;
      if (byte === END || length === 0) continue;
      if (isTooLong()) context.report(rules["long-text"], `${length} bytes of text`);
      else if (length >= SHORTEST_TEXT) yield parts.join("");
      parts = [];
      length = 0;
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
