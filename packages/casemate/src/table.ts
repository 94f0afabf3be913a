import { stripVTControlCharacters } from "node:util";

/** Rows as aligned columns, two spaces apart; colours do not count as width. */
export function table(rows: readonly (readonly string[])[], align: readonly ("left" | "right")[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  const pad = (cell: string, column: number) => {
    const space = " ".repeat(widths[column]! - widthOf(cell));
    return align[column] === "right" ? space + cell : cell + space;
  };
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

function widthOf(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
