import { createReadStream } from "node:fs";

export type Row = Readonly<Record<string, unknown>>;

/** A row as one line of JSON; what JSON has no form for is an object, which no column otherwise holds. */
export function lineOf(row: Row): string {
  const values = Object.entries(row).map(([name, value]) => {
    if (Buffer.isBuffer(value)) return [name, { base64: value.toString("base64") }];
    if (typeof value === "number" && !Number.isFinite(value)) return [name, { number: String(value) }];
    return [name, value];
  });
  return `${JSON.stringify(Object.fromEntries(values))}\n`;
}

/** The row of such a line. Throws a SyntaxError for anything else. */
export function rowOf(line: string): Row {
  const row: unknown = JSON.parse(line);
  if (typeof row !== "object" || row === null || Array.isArray(row)) throw new SyntaxError("expected an object");
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value !== "object" || value === null) return [name, value];
      const { base64, number } = value as { base64?: unknown; number?: unknown };
      if (typeof base64 === "string") return [name, Buffer.from(base64, "base64")];
      if (typeof number === "string" && /^(?:NaN|-?Infinity)$/.test(number)) return [name, Number(number)];
      throw new SyntaxError(`${name}: expected a value of a column`);
    }),
  );
}

/** The lines of a file, parted by line feeds alone: `node:readline` also parts them at U+2028, which JSON may hold. */
export async function* linesIn(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, "utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
