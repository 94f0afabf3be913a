import { EvidenceError } from "./errors.ts";

/**
 * JSON with one spelling (RFC 8785): members sorted by UTF-16 code units, no spaces, numbers as ECMAScript writes them. Members
 * that are undefined are left out. Throws MALFORMED for what JSON cannot hold: NaN, infinities, lone surrogates, functions.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === "string" && !LONE_SURROGATE.test(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`).join(",")}}`;
  }
  throw new EvidenceError("MALFORMED", `expected what JSON can hold, got ${typeof value} ${String(value)}`);
}

const LONE_SURROGATE = /\p{Surrogate}/u;
