import { EvidenceError } from "./errors.ts";

export interface JsonLimits {
  readonly bytes: number;
  readonly depth: number;
}

const BRACES = { open: new Set([0x7b, 0x5b]), close: new Set([0x7d, 0x5d]) };
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** JSON from outside, within limits of size and nesting, so that nothing that walks it overflows. Throws MALFORMED. */
export function parseJson(
  bytes: Uint8Array,
  where: string,
  { bytes: most = 64 * 2 ** 20, depth: deepest = 64 }: Partial<JsonLimits> = {},
): unknown {
  if (bytes.length > most) {
    throw new EvidenceError("MALFORMED", `${where}: expected at most ${most} bytes, got ${bytes.length}`);
  }
  if (depthOf(bytes) > deepest) throw new EvidenceError("MALFORMED", `${where}: nested deeper than ${deepest} levels`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new EvidenceError("MALFORMED", `${where}: expected JSON in UTF-8`); // V8 would quote the text, which may be a key
  }
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) at = endOfString(bytes, at + 1);
    else if (BRACES.open.has(byte)) deepest = Math.max(deepest, ++depth);
    else if (BRACES.close.has(byte)) depth--;
  }
  return deepest;
}

function endOfString(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
