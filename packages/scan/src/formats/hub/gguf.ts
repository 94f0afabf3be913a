import { ScanError } from "../../errors.ts";
import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";
import { checkTemplate, templateRules } from "./chat-template.ts";
import { Cursor } from "./cursor.ts";

const rules = rulesOf("gguf", {
  "tensor-outside": {
    title: "Tensor that does not lie within the file",
    severity: "high",
    effect: "A loader reads or writes beyond its memory.",
  },
  "huge-count": {
    title: "Count that the file cannot hold",
    severity: "critical",
    effect: "A loader that trusts it allocates or reads beyond its memory.",
  },
  "bad-alignment": {
    title: "Alignment that is none",
    severity: "medium",
    effect: "Readers differ in where tensors begin.",
  },
  "duplicate-key": {
    title: "Key that comes twice",
    severity: "medium",
    effect: "Readers differ in which value holds.",
  },
});

const LONGEST_TEMPLATE = 2 ** 20;
/** Bytes of each type of value; 8 is text, 9 an array. */
const WIDTHS: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const TEXT = 8;
const ARRAY = 9;

/** Bytes of a block and values in it, of each type of tensor (ggml.h). */
const BLOCKS: Readonly<Record<number, readonly [bytes: number, values: number]>> = {
  0: [4, 1],
  1: [2, 1],
  2: [18, 32],
  3: [20, 32],
  6: [22, 32],
  7: [24, 32],
  8: [34, 32],
  9: [36, 32],
  10: [84, 256],
  11: [110, 256],
  12: [144, 256],
  13: [176, 256],
  14: [210, 256],
  15: [292, 256],
  24: [1, 1],
  25: [2, 1],
  26: [4, 1],
  27: [8, 1],
  28: [8, 1],
  30: [2, 1],
};

/** GGUF of versions 2 and 3 (ggml, docs/gguf.md): every count and length is held against the file, chat templates are looked through. */
export const gguf: Format = {
  id: "gguf",
  title: "GGUF",
  rules: { ...rules, ...templateRules },
  detect: ([g, second, u, f]) => g === 0x47 && second === 0x47 && u === 0x55 && f === 0x46,
  scan,
};

function scan(source: Source, context: ScanContext): void {
  const cursor = new Cursor(source);
  cursor.skip(4);
  const version = cursor.uint32();
  if (version !== 2 && version !== 3) throw new ScanError("UNSUPPORTED", `GGUF version ${version}`);
  const tensors = cursor.uint64();
  const pairs = cursor.uint64();
  if (tensors * 24 > source.size || pairs * 13 > source.size) {
    context.report(rules["huge-count"], `${tensors} tensors and ${pairs} keys in ${source.size} bytes`);
    throw new ScanError("MALFORMED", "counts that the file cannot hold");
  }
  let alignment = 32;
  const seen = new Set<string>();
  for (let each = 0; each < pairs; each++) {
    const key = cursor.text(cursor.uint64());
    if (seen.has(key)) context.report(rules["duplicate-key"], key, { offset: cursor.offset });
    seen.add(key);
    const at = cursor.offset;
    const value = readValue(cursor, cursor.uint32(), 0, source, context);
    if (key === "general.alignment" && typeof value === "number") alignment = value;
    if (/chat_template/.test(key) && typeof value === "string")
      checkTemplate(value, context, { offset: at, part: key });
  }
  if (alignment === 0 || alignment % 8 !== 0) {
    context.report(rules["bad-alignment"], `general.alignment is ${alignment}, expected a multiple of 8`);
    alignment = 32;
  }
  checkTensors(cursor, tensors, alignment, source, context);
}

/** A text or a small number; undefined for what does not matter. */
function readValue(
  cursor: Cursor,
  type: number,
  depth: number,
  source: Source,
  context: ScanContext,
): string | number | undefined {
  if (type === TEXT) return cursor.text(cursor.uint64(), LONGEST_TEMPLATE);
  if (type === 4) return cursor.uint32();
  if (type !== ARRAY) {
    const width = WIDTHS[type];
    if (width === undefined) throw new ScanError("MALFORMED", `byte ${cursor.offset}: a value of the type ${type}`);
    cursor.skip(width);
    return undefined;
  }
  if (depth > 4) throw new ScanError("MALFORMED", `byte ${cursor.offset}: arrays nested more than four deep`);
  const inner = cursor.uint32();
  const count = cursor.uint64();
  const width = WIDTHS[inner];
  if (width !== undefined) {
    cursor.skip(width * count);
    return undefined;
  }
  if (count * 8 > source.size) {
    context.report(rules["huge-count"], `an array of ${count} values`, { offset: cursor.offset });
    throw new ScanError("MALFORMED", "an array that the file cannot hold");
  }
  for (let each = 0; each < count; each++) {
    if (inner === TEXT) cursor.skip(cursor.uint64());
    else readValue(cursor, inner, depth + 1, source, context);
  }
  return undefined;
}

function checkTensors(cursor: Cursor, count: number, alignment: number, source: Source, context: ScanContext): void {
  const tensors: { readonly name: string; readonly offset: number; readonly bytes: number | undefined }[] = [];
  for (let each = 0; each < count; each++) {
    context.countEntry();
    const name = cursor.text(cursor.uint64(), 256);
    const dimensions = cursor.uint32();
    if (dimensions > 8) throw new ScanError("MALFORMED", `tensor '${name}': ${dimensions} dimensions`);
    let values = 1;
    for (let axis = 0; axis < dimensions; axis++) values *= cursor.uint64();
    const block = BLOCKS[cursor.uint32()];
    tensors.push({ name, offset: cursor.uint64(), bytes: block && (values / block[1]) * block[0] });
  }
  const start = Math.ceil(cursor.offset / alignment) * alignment;
  for (const { name, offset, bytes } of tensors) {
    const end = start + offset + (bytes ?? 0);
    if (end <= source.size && offset % alignment === 0) continue;
    context.report(
      rules["tensor-outside"],
      `tensor '${name}': ends at byte ${end} of ${source.size}, begins at ${offset} by ${alignment}`,
    );
  }
}
