import pg from "pg";
import { StoreError } from "../errors.ts";

/** By PostgreSQL's number of the type: what SQLite gives for the same column. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  20: wholeNumber, // int8
  114: asIs, // json
  3802: asIs, // jsonb
  1114: (text) => Date.parse(`${text.replace(" ", "T")}Z`), // timestamp, which is meant as UTC
  1184: (text) => Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")), // timestamptz
  1700: (text) => (/^-?\d+$/.test(text) ? wholeNumber(text) : Number(text)), // numeric, which sums of int8 are
};

/** Counts and times are numbers below 2^53 in milliseconds, JSON is text. */
export const types = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    (format !== "binary" && parsers[oid]) || pg.types.getTypeParser(oid, format as "text"),
};

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new StoreError("CORRUPT", `expected a whole number below 2^53 from the database, got ${text}`);
  return value;
}

function asIs(text: string): string {
  return text;
}
