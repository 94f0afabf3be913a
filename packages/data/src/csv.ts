import { CsvError, parse } from "csv-parse/sync";
import { DataError } from "./data-error.ts";
import { decodeText } from "./files.ts";
import type { Table } from "./table.ts";

/** A CSV file (RFC 4180) with a first row of column names. Throws MALFORMED_FILE, with csv-parse's reason. */
export function parseCsv(bytes: Uint8Array, path: string, delimiter = /\.tsv$/i.test(path) ? "\t" : ","): Table {
  const text = decodeText(bytes, path);
  try {
    const [names = [], ...rows] = parse(text, {
      delimiter,
      bom: true,
      skip_empty_lines: true,
      max_record_size: MAXIMUM_ROW,
    });
    return { names: names.map((name) => name.trim()), rows };
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new DataError("MALFORMED_FILE", `${path}: expected CSV, got: ${cause.message}`, { cause });
  }
}

const MAXIMUM_ROW = 16 * 2 ** 20; // characters; an unclosed quote would take the rest of the file
