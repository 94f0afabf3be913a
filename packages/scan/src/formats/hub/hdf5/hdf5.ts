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

/** Stretches of printable bytes, of 20 at least. */
function* textsIn(source: Source, context: ScanContext): Generator<string> {
  const { textBytes } = context.limits;
  let parts: string[] = [];
  let length = 0;
  for (const chunk of chunks(source)) {
    let start = 0; // what a stretch of the chunk before goes on with is looked at however short it is
    while (start < chunk.length) {
      const end = endOfText(chunk, start);
      if (length <= textBytes) parts.push(Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start).toString());
      length += end - start;
      if (end === chunk.length) break;
      if (length > textBytes) context.report(rules["long-text"], `${length} bytes of text`);
      else if (length >= SHORTEST_TEXT) yield parts.join("");
      parts = [];
      length = 0;
      start = nextText(chunk, end + 1);
    }
  }
  if (length > textBytes) context.report(rules["long-text"], `${length} bytes of text`);
  else if (length >= SHORTEST_TEXT) yield parts.join("");
}

/** Of each byte, whether it can stand in a text. */
const IS_PRINTABLE = Uint8Array.from({ length: 256 }, (_, byte) => Number(byte >= 0x20 || [9, 10, 13].includes(byte)));

/** Where the printable bytes from `at` on end. */
function endOfText(chunk: Uint8Array, at: number): number {
  let end = at;
  while (end < chunk.length && IS_PRINTABLE[chunk[end]!] === 1) end++;
  return end;
}

/** From behind a break on, where the next text that is long enough begins, or the one that the chunk ends in. */
function nextText(chunk: Uint8Array, from: number): number {
  let start = from;
  while (start < chunk.length) {
    let at = Math.min(start + SHORTEST_TEXT, chunk.length) - 1;
    while (at >= start && IS_PRINTABLE[chunk[at]!] === 1) at--;
    if (at < start) return start;
    start = at + 1; // everything before it is too short
  }
  return start;
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
