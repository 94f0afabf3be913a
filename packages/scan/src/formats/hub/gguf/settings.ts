import { ScanError } from "../../../errors.ts";
import type { ScanContext } from "../../../format.ts";
import type { Cursor } from "./cursor.ts";
import { ggufRules, ruleForKind, ruleForNumber } from "./gguf-rules.ts";

/** The keys and values of a file, as far as a scan looks at them. */
export interface Settings {
  /** Bytes to which tensors are aligned. */
  readonly alignment: number;
  /** Chat templates by their keys. */
  readonly templates: ReadonlyMap<string, string>;
}

const KEY_BYTES = 65_535; // of the specification
const STRING = 8;
const ARRAY = 9;
const DEEPEST_ARRAY = 8;
/** Bytes of the kinds of value that have a fixed size. */
const BYTES_OF_KIND: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const DEFAULT_ALIGNMENT = 32;

/** Reads `count` keys with their values. Throws MALFORMED where they cannot be followed further, which has been reported then. */
export function readSettings(cursor: Cursor, count: number, context: ScanContext): Settings {
  let alignment = DEFAULT_ALIGNMENT;
  const templates = new Map<string, string>();
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    const at = cursor.at;
    const key = readString(cursor, KEY_BYTES, context);
    if (seen.has(key)) context.report(ggufRules["duplicate-key"], `'${key}' comes twice`, { offset: at, part: key });
    seen.add(key);
    const kind = cursor.uint32();
    if (kind === STRING && isTemplate(key)) {
      templates.set(key, readString(cursor, context.limits.textBytes, context));
      continue;
    }
    if (key === "general.alignment" && kind === 4) {
      alignment = cursor.uint32();
      if (alignment < 8 || alignment > 2 ** 20 || alignment % 8 !== 0)
        context.report(ggufRules.alignment, `an alignment of ${alignment} bytes`, { offset: at, part: key });
      continue;
    }
    skipValue(cursor, kind, key, 0, context);
  }
  return { alignment: alignment < 1 ? 1 : alignment, templates };
}

/** A text of at most `longest` bytes behind its length. */
export function readString(cursor: Cursor, longest: number, context: ScanContext): string {
  const at = cursor.at;
  const length = cursor.uint64();
  if (length > longest || length > cursor.left) {
    context.report(ruleForNumber(length), `a text of ${length} bytes`, { offset: at });
    throw new ScanError(length > cursor.left ? "MALFORMED" : "LIMIT_EXCEEDED", `a text of ${length} bytes`);
  }
  return Buffer.from(cursor.bytes(length)).toString("utf8");
}

function isTemplate(key: string): boolean {
  return /chat_template/.test(key);
}

function skipValue(cursor: Cursor, kind: number, key: string, depth: number, context: ScanContext): void {
  const at = cursor.at;
  const bytes = BYTES_OF_KIND[kind];
  if (bytes !== undefined) {
    cursor.skip(bytes);
  } else if (kind === STRING) {
    skipString(cursor, key, context);
  } else if (kind === ARRAY) {
    if (depth >= DEEPEST_ARRAY) throw new ScanError("TOO_DEEP", `'${key}': arrays ${depth} deep`);
    skipArray(cursor, key, depth, context);
  } else {
    context.report(ruleForKind(kind), `'${key}' has a value of kind ${kind}`, { offset: at, part: key });
    throw new ScanError("MALFORMED", `'${key}': a value of kind ${kind}`);
  }
}

function skipArray(cursor: Cursor, key: string, depth: number, context: ScanContext): void {
  const at = cursor.at;
  const kindOfItems = cursor.uint32();
  const count = cursor.uint64();
  const bytesOfItem = BYTES_OF_KIND[kindOfItems];
  if (count * (bytesOfItem ?? 8) > cursor.left) {
    context.report(ruleForNumber(count), `'${key}' has ${count} items`, { offset: at, part: key });
    throw new ScanError("MALFORMED", `'${key}': ${count} items in ${cursor.left} bytes`);
  }
  if (bytesOfItem !== undefined) cursor.skip(count * bytesOfItem);
  else for (let index = 0; index < count; index++) skipValue(cursor, kindOfItems, key, depth + 1, context);
}

function skipString(cursor: Cursor, key: string, context: ScanContext): void {
  const at = cursor.at;
  const length = cursor.uint64();
  if (length > cursor.left) {
    context.report(ruleForNumber(length), `'${key}' has a text of ${length} bytes`, { offset: at, part: key });
    throw new ScanError("MALFORMED", `'${key}': a text of ${length} bytes`);
  }
  cursor.skip(length);
}
