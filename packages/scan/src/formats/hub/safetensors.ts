import { ScanError } from "../../errors.ts";
import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { uint64, viewOf } from "../../sources/little-endian.ts";
import { type Source, slice } from "../../sources/source.ts";
import { duplicateKey } from "./duplicate-key.ts";

const rules = rulesOf("safetensors", {
  header: {
    title: "Header that breaks the format",
    severity: "high",
    effect: "Strict loaders refuse the file; others read something that its author chose.",
  },
  "duplicate-key": {
    title: "Tensor that is named twice",
    severity: "high",
    effect: "Loaders differ in which of the two they take.",
  },
  offsets: {
    title: "Tensors that leave gaps, overlap or end outside",
    severity: "high",
    effect: "Loaders read memory that is not the tensor's, or something is hidden between tensors.",
  },
  size: {
    title: "Tensor of another size than its shape",
    severity: "high",
    effect: "Loaders read less or more than the tensor.",
  },
  trailing: {
    title: "Data behind the tensors",
    severity: "high",
    effect: "Something is carried along that no tensor names; the file may be another format as well.",
  },
  metadata: {
    title: "Metadata with addresses or code",
    severity: "medium",
    effect: "A program that shows or uses the metadata is led elsewhere.",
  },
});

const LONGEST_HEADER = 100_000_000;
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** safetensors (huggingface/safetensors, README "Format"): the header is held to all that the format promises. */
export const safetensors: Format = {
  id: "safetensors",
  title: "safetensors",
  rules,
  detect(head, source) {
    if (head.length < 10 || head[8] !== 0x7b) return false;
    const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
    return (
      length <= BigInt(source.size) ||
      (length < 2n ** 40n && /^\{\s*"/.test(Buffer.from(head.subarray(8, 40)).toString("latin1")))
    );
  },
  scan,
};

interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function scan(source: Source, context: ScanContext): void | Promise<void> {
  const length = uint64(viewOf(source, 0, 8), 0);
  if (length > LONGEST_HEADER || 8 + length > source.size) {
    context.report(rules.header, `a header of ${length} bytes in a file of ${source.size}`);
    throw new ScanError("MALFORMED", "a header that the file cannot hold");
  }
  const text = Buffer.from(source.read(8, length)).toString("utf8");
  const header = parse(text);
  if (header === undefined) {
    context.report(rules.header, "expected a JSON object");
    throw new ScanError("MALFORMED", "a header that is no JSON object");
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) context.report(rules["duplicate-key"], `'${twice}'`);
  checkMetadata(header.__metadata__, context);
  const end = checkTensors(header, source.size - 8 - length, context);
  const behind = source.size - 8 - length - end;
  if (behind > 0) {
    context.report(rules.trailing, `${behind} bytes behind the last tensor`, { offset: 8 + length + end });
    const entry = source.entry === "" ? "(behind the tensors)" : `${source.entry}!(behind the tensors)`;
    return context.inside(slice(source, entry, 8 + length + end, behind), true);
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function checkMetadata(metadata: unknown, context: ScanContext): void {
  if (metadata === undefined) return;
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    context.report(rules.header, "__metadata__: expected an object of texts");
    return;
  }
  for (const [key, value] of Object.entries(metadata)) {
    const place = { part: `__metadata__.${key}` };
    if (typeof value !== "string") context.report(rules.header, `__metadata__.${key}: expected a text`, place);
    else if (
      /<script|__import__|\beval\(|\bexec\(|os\.system|subprocess|javascript:|base64,/i.test(value) ||
      /\bhttps?:\/\//.test(value)
    ) {
      context.report(rules.metadata, value.slice(0, 200), place);
    }
  }
}

/** Where the last tensor ends, from the beginning of the data. */
function checkTensors(header: Readonly<Record<string, unknown>>, dataBytes: number, context: ScanContext): number {
  const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
  const ranges: { readonly name: string; readonly start: number; readonly end: number }[] = [];
  for (const [name, entry] of tensors) {
    context.countEntry();
    if (!isTensor(entry)) {
      context.report(rules.header, `tensor '${name}': expected dtype, shape and data_offsets`, { part: name });
      continue;
    }
    const [start, end] = entry.data_offsets;
    const bits = BITS[entry.dtype];
    const bytes = bits === undefined ? undefined : entry.shape.reduce((product, length) => product * length, bits) / 8;
    if (bytes === undefined) context.report(rules.header, `tensor '${name}': dtype ${entry.dtype}`, { part: name });
    else if (bytes !== end - start) {
      context.report(rules.size, `tensor '${name}': expected ${bytes} bytes, got ${end - start}`, { part: name });
    }
    ranges.push({ name, start, end });
  }
  ranges.sort((a, b) => a.start - b.start || a.end - b.end);
  let covered = 0;
  for (const { name, start, end } of ranges) {
    if (start !== covered || end < start || end > dataBytes) {
      context.report(rules.offsets, `tensor '${name}': bytes ${start} to ${end}, expected it to begin at ${covered}`, {
        part: name,
      });
    }
    covered = Math.max(covered, end);
  }
  return Math.min(covered, dataBytes);
}

function isTensor(entry: unknown): entry is TensorEntry {
  if (typeof entry !== "object" || entry === null) return false;
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  const isLength = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return (
    typeof dtype === "string" &&
    Array.isArray(shape) &&
    shape.every(isLength) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(isLength)
  );
}
