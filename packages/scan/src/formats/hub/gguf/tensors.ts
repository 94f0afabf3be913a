import type { ScanContext } from "../../../format.ts";
import type { Cursor } from "./cursor.ts";
import { ggufRules, ruleForKind } from "./gguf-rules.ts";
import { readString } from "./settings.ts";
import { TENSOR_KINDS } from "./tensor-kinds.ts";

/** Where a tensor says that it lies, from the beginning of the data. */
export interface PlacedTensor {
  readonly name: string;
  readonly begin: number;
  /** Infinity where its dimensions overflow. */
  readonly bytes: number;
}

const NAME_BYTES = 64; // GGML_MAX_NAME
const DIMENSIONS = 4; // GGML_MAX_DIMS
const MOST_DIMENSIONS = 64;

/** Reads what is said of `count` tensors, and reports what no tensor can be. */
export function readTensors(cursor: Cursor, count: number, alignment: number, context: ScanContext): PlacedTensor[] {
  const tensors: PlacedTensor[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) {
    const place = { offset: cursor.at };
    const name = readString(cursor, context.limits.textBytes, context);
    if (Buffer.byteLength(name) >= NAME_BYTES)
      context.report(ggufRules.name, `a tensor's name of ${Buffer.byteLength(name)} bytes`, place);
    if (seen.has(name)) context.report(ggufRules["duplicate-key"], `the tensor '${name}' comes twice`, place);
    seen.add(name);
    const rank = cursor.uint32();
    if (rank > DIMENSIONS) context.report(ggufRules.dimensions, `'${name}' has ${rank} dimensions`, place);
    if (rank > MOST_DIMENSIONS) return tensors;
    const shape = Array.from({ length: rank }, () => cursor.uint64());
    const kind = cursor.uint32();
    const begin = cursor.uint64();
    if (begin % alignment !== 0)
      context.report(
        ggufRules.alignment,
        `'${name}' begins at byte ${begin}, not at a multiple of ${alignment}`,
        place,
      );
    const elements = shape.reduce((product, each) => product * each, 1);
    if (!Number.isSafeInteger(elements))
      context.report(ggufRules.dimensions, `'${name}' has the shape [${shape.join(", ")}]`, place);
    const [block, bytes] = TENSOR_KINDS.get(kind) ?? [];
    if (block === undefined || bytes === undefined) {
      context.report(ruleForKind(kind), `'${name}' is of the kind ${kind}`, place);
      continue;
    }
    if ((shape[0] ?? block) % block !== 0)
      context.report(ggufRules.dimensions, `'${name}': rows of ${shape[0]} in blocks of ${block}`, place);
    tensors.push({ name, begin, bytes: Math.ceil(elements / block) * bytes });
  }
  return tensors;
}

/** Reports tensors that lie outside `dataBytes` or within each other; returns where the last one ends. */
export function checkPlaces(tensors: readonly PlacedTensor[], dataBytes: number, context: ScanContext): number {
  let end = 0;
  for (const { name, begin, bytes } of [...tensors].sort((a, b) => a.begin - b.begin)) {
    const next = begin + bytes;
    if (begin < end && bytes > 0)
      context.report(ggufRules.offsets, `'${name}' begins at byte ${begin}, within another`, { part: name });
    if (next > dataBytes)
      context.report(ggufRules.offsets, `'${name}' ends at byte ${next} of ${dataBytes}`, { part: name });
    end = Math.max(end, next);
  }
  return end;
}
