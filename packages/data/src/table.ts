import { DataError } from "./data-error.ts";
import { excerpt } from "./excerpt.ts";
import { encodeLabels, isNotFinite } from "./labels.ts";
import { DEFAULT_MAXIMUM_BYTES, type ReadOptions } from "./options.ts";
import type { Samples } from "./samples.ts";

/** Named columns and their cells, as text or as JSON gave them. */
export interface Table {
  readonly names: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/**
 * Features and labels of a table: one column holds the labels, every other is a number or, where `oneHot` lists it, a category.
 * Rows count from 1 after the header. Throws MISSING_COLUMN, NOT_NUMERIC, NOT_FINITE, BAD_LABEL, MALFORMED_FILE.
 */
export function samplesOfTable({ names, rows }: Table, path: string, options: ReadOptions): Omit<Samples, "sha256"> {
  requireNames(names, path, options);
  if (rows.length === 0) throw new DataError("EMPTY", `${path}: expected rows after the header, got none`);
  const labelColumn = labelColumnOf(names, options);
  const labels = encodeLabels(
    rows.map((row) => row[labelColumn]),
    (i) => `${path}, row ${i + 1}, column '${names[labelColumn]}'`,
  );
  const features = names.flatMap((name, column) => {
    if (column === labelColumn) return [];
    return options.oneHot?.includes(name)
      ? oneHotFeatures(rows, name, column, path)
      : [numberFeature(name, column, path)];
  });
  if (features.length === 0) throw new DataError("EMPTY", `${path}: expected columns beside the labels, got none`);
  const shape = [rows.length, features.length];
  requireSize(shape, path, options);
  const data = new Float32Array(rows.length * features.length);
  let at = 0;
  for (const [i, row] of rows.entries()) {
    for (const { column, read } of features) data[at++] = read(row[column], i);
  }
  return { shape, data, labels, featureNames: features.map(({ name }) => name), sourceDtype: "text" };
}

const LABEL_NAMES = ["label", "target", "class", "y"];

interface Feature {
  readonly name: string;
  readonly column: number;
  readonly read: (cell: unknown, row: number) => number;
}

function labelColumnOf(names: readonly string[], { label }: ReadOptions): number {
  if (label !== undefined) return names.indexOf(label);
  const usual = LABEL_NAMES.map((name) => names.indexOf(name)).find((column) => column >= 0);
  return usual ?? names.length - 1;
}

function requireNames(names: readonly string[], path: string, { label, oneHot = [] }: ReadOptions): void {
  const repeated = names.find((name, column) => names.indexOf(name) < column);
  if (repeated !== undefined)
    throw new DataError("MALFORMED_FILE", `${path}: expected every column once, got '${repeated}' twice`);
  if (names.every((name) => name.trim() === "" || Number.isFinite(Number(name)))) {
    throw new DataError(
      "MALFORMED_FILE",
      `${path}: expected a first row of column names, got ${names.slice(0, 5).join(", ")}`,
    );
  }
  const missing = [...oneHot, ...(label === undefined ? [] : [label])].find((name) => !names.includes(name));
  if (missing !== undefined) {
    throw new DataError(
      "MISSING_COLUMN",
      `${path}: expected a column '${missing}', got ${names.slice(0, 20).join(", ")}`,
    );
  }
}

function requireSize(shape: readonly number[], path: string, options: ReadOptions): void {
  const { maximumBytes = DEFAULT_MAXIMUM_BYTES } = options;
  const bytes = shape[0]! * shape[1]! * 4;
  if (bytes > maximumBytes) {
    throw new DataError(
      "LIMIT_EXCEEDED",
      `${path}: expected at most ${maximumBytes} bytes, got ${bytes} for [${shape}]`,
    );
  }
}

function numberFeature(name: string, column: number, path: string): Feature {
  const read = (cell: unknown, row: number): number => {
    const number = typeof cell === "string" && cell.trim() !== "" ? Number(cell) : cell;
    if (typeof number === "boolean") return Number(number);
    const place = `${path}, row ${row + 1}, column '${name}'`;
    if (typeof number !== "number" || (Number.isNaN(number) && !isNotFinite(String(cell)))) {
      throw new DataError(
        "NOT_NUMERIC",
        `${place}: expected a number (categories: option oneHot), got ${excerpt(cell)}`,
      );
    }
    if (!Number.isFinite(Math.fround(number))) {
      throw new DataError("NOT_FINITE", `${place}: expected a finite float32 number, got ${excerpt(cell)}`);
    }
    return number;
  };
  return { name, column, read };
}

function oneHotFeatures(rows: Table["rows"], name: string, column: number, path: string): Feature[] {
  const categoryOf = (cell: unknown): string => (typeof cell === "object" ? "" : String(cell ?? "").trim());
  const missing = rows.findIndex((row) => categoryOf(row[column]) === "");
  if (missing >= 0) {
    throw new DataError(
      "NOT_NUMERIC",
      `${path}, row ${missing + 1}, column '${name}': expected a category, got ${excerpt(rows[missing]![column])}`,
    );
  }
  const categories = [...new Set(rows.map((row) => categoryOf(row[column])))].sort();
  return categories.map((category) => ({
    name: `${name}=${category}`,
    column,
    read: (cell) => Number(categoryOf(cell) === category),
  }));
}
