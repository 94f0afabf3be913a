import { sizeOf } from "@casemate/tensor";
import { DataError } from "./data-error.ts";
import { excerpt } from "./excerpt.ts";
import { decodeText } from "./files.ts";
import { encodeLabels } from "./labels.ts";
import { pairAmong } from "./npz.ts";
import { DEFAULT_MAXIMUM_BYTES, type ReadOptions } from "./options.ts";
import type { Samples } from "./samples.ts";
import { samplesOfTable } from "./table.ts";

/**
 * One JSON object a line: {"x": nested numbers, "y": label}, or flat columns as in a table. The first line decides which.
 * Throws MALFORMED_FILE, SHAPE_MISMATCH, NOT_NUMERIC, MISSING_COLUMN and what a table throws.
 */
export function samplesOfJsonLines(bytes: Uint8Array, path: string, options: ReadOptions): Omit<Samples, "sha256"> {
  const records = parseLines(decodeText(bytes, path), path);
  const [first] = records;
  if (!first) throw new DataError("EMPTY", `${path}: expected one JSON object a line, got none`);
  const names = Object.keys(first);
  const nested = names.some((name) => Array.isArray(first[name])) || options.x !== undefined;
  const strange = records.findIndex((record) => !sameNames(names, record));
  if (strange >= 0) {
    throw new DataError(
      "SHAPE_MISMATCH",
      `${path}, line ${strange + 1}: expected the fields ${names.join(", ")} as in line 1`,
    );
  }
  if (!nested)
    return samplesOfTable({ names, rows: records.map((record) => names.map((name) => record[name])) }, path, options);
  return samplesOfNested(records, pairAmong(names, path, options), path, options);
}

type JsonRecord = Readonly<Record<string, unknown>>;

const MAXIMUM_DEPTH = 8;

function parseLines(text: string, path: string): JsonRecord[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `${path}, line ${i + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new DataError("MALFORMED_FILE", `${where}: expected a JSON object, got other text`, { cause });
    }
    if (!isRecord(value)) throw new DataError("MALFORMED_FILE", `${where}: expected a JSON object, got another value`);
    return [value];
  });
}

function samplesOfNested(
  records: readonly JsonRecord[],
  [x, y]: readonly [string, string],
  path: string,
  { maximumBytes = DEFAULT_MAXIMUM_BYTES }: ReadOptions,
): Omit<Samples, "sha256"> {
  const place = (i: number, name: string): string => `${path}, line ${i + 1}, '${name}'`;
  const shape = shapeOf(records[0]![x]);
  const width = sizeOf(shape);
  const bytes = records.length * width * 4;
  if (bytes > maximumBytes) {
    throw new DataError("LIMIT_EXCEEDED", `${path}: expected at most ${maximumBytes} bytes, got ${bytes}`);
  }
  const data = new Float32Array(records.length * width);
  for (const [i, record] of records.entries()) {
    const numbers = flatten(record[x], shape, place(i, x));
    data.set(numbers, i * width);
  }
  const labels = encodeLabels(
    records.map((record) => record[y]),
    (i) => place(i, y),
  );
  return { shape: [records.length, ...shape], data, labels, sourceDtype: "text" };
}

function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner) && shape.length < MAXIMUM_DEPTH; inner = inner[0])
    shape.push(inner.length);
  return shape;
}

function flatten(value: unknown, [size, ...inner]: readonly number[], where: string): number[] {
  if (size === undefined) {
    if (typeof value === "number") return [value];
    throw new DataError("NOT_NUMERIC", `${where}: expected numbers, nested as in line 1, got ${excerpt(value)}`);
  }
  if (!Array.isArray(value) || value.length !== size) {
    const got = Array.isArray(value) ? value.length : "no list";
    throw new DataError("SHAPE_MISMATCH", `${where}: expected lists of ${size} as in line 1, got ${got}`);
  }
  return value.flatMap((each) => flatten(each, inner, where));
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameNames(names: readonly string[], record: JsonRecord): boolean {
  return Object.keys(record).length === names.length && names.every((name) => Object.hasOwn(record, name));
}
