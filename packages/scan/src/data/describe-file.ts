import { openFile } from "../sources/file-source.ts";
import { chunks, type Source } from "../sources/source.ts";

export interface Described {
  readonly rows?: number;
  readonly columns?: { readonly name: string; readonly type: string }[];
}

const HEAD_BYTES = 2 ** 20;

/** Rows and columns of a table as CSV or JSON lines, by its name; nothing for other files. */
export function describeFile(path: string): Described {
  const isTable = /\.(csv|tsv|jsonl|ndjson)$/i.test(path);
  if (!isTable) return {};
  const file = openFile(path);
  try {
    const head = Buffer.from(file.read(0, HEAD_BYTES)).toString("utf8").split(/\r?\n/);
    if (/\.(jsonl|ndjson)$/i.test(path)) return { rows: linesOf(file), columns: keysOf(head[0] ?? "") };
    const separator = /\.tsv$/i.test(path) ? "\t" : ",";
    const names = cellsOf(head[0] ?? "", separator);
    const first = cellsOf(head[1] ?? "", separator);
    const columns = names.map((name, index) => ({ name, type: typeOf(first[index] ?? "") }));
    return { rows: Math.max(0, linesOf(file) - 1), columns };
  } finally {
    file.close();
  }
}

/** Records, whether or not the last one ends its line; line breaks within quotes belong to a record. */
function linesOf(source: Source): number {
  let lines = 0;
  let isQuoted = false;
  let last = 0x0a;
  for (const chunk of chunks(source)) {
    for (const byte of chunk) {
      if (byte === 0x22) isQuoted = !isQuoted;
      else if (byte === 0x0a && !isQuoted) lines++;
      last = byte;
    }
  }
  return last === 0x0a ? lines : lines + 1;
}

function cellsOf(line: string, separator: string): readonly string[] {
  const cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      cells.push(cell);
      cell = "";
    } else cell += character;
  }
  return [...cells, cell];
}

function typeOf(cell: string): string {
  if (cell === "") return "unknown";
  if (/^[-+]?\d+$/.test(cell)) return "integer";
  return Number.isNaN(Number(cell)) ? "text" : "number";
}

function keysOf(line: string): { readonly name: string; readonly type: string }[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? Object.entries(value).map(([name, each]) => ({ name, type: Array.isArray(each) ? "list" : typeof each }))
      : [];
  } catch {
    return [];
  }
}
