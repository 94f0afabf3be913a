import { InvalidArgumentError } from "commander";

/** "0.3", "8/255" or several with commas between. */
export function parseEpsilons(text: string): readonly number[] {
  return text.split(",").map((part) => {
    const [numerator, denominator = "1", ...rest] = part.split("/").map((each) => each.trim());
    const epsilon = numerator && rest.length === 0 ? Number(numerator) / Number(denominator || "0") : Number.NaN;
    if (!(epsilon > 0 && Number.isFinite(epsilon))) {
      throw new InvalidArgumentError(`expected numbers above 0 such as 0.3 or 8/255, got '${part.trim()}'.`);
    }
    return epsilon;
  });
}

/** "120s" or "2m" of time, or "5000q" of queries. */
export function parseBudget(text: string): { readonly seconds: number } | { readonly queries: number } {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)([smhq]?)$/.exec(text.trim()) ?? [];
  const value = Number(amount);
  if (!(value > 0)) {
    throw new InvalidArgumentError("expected seconds (120s), minutes (2m), hours (1h) or queries (5000q).");
  }
  return unit === "q" ? { queries: value } : { seconds: value * SECONDS[unit as keyof typeof SECONDS] };
}

const SECONDS = { "": 1, s: 1, m: 60, h: 3600 } as const;

/** A whole number from `lowest`. */
export function wholeNumber(lowest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < lowest) {
      throw new InvalidArgumentError(`expected a whole number from ${lowest}.`);
    }
    return value;
  };
}

/** Names with commas between, each once. */
export function parseNames(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === "")) throw new InvalidArgumentError(`expected names with commas, got '${text}'.`);
  return [...new Set(names)];
}

/** "0,1" or "-1, 1": a lower and an upper end. */
export function parseRange(text: string): { readonly lower: number; readonly upper: number } {
  const [lower, upper, ...rest] = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (rest.length > 0 || !(lower! < upper!) || !Number.isFinite(lower! - upper!)) {
    throw new InvalidArgumentError(`expected two rising numbers such as 0,1, got '${text}'.`);
  }
  return { lower: lower!, upper: upper! };
}

/** A number above 0, and of at most `most`. */
export function numberUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value > 0 && value <= most && Number.isFinite(value))) {
      throw new InvalidArgumentError(`expected a number above 0${most === Infinity ? "" : `, at most ${most}`}.`);
    }
    return value;
  };
}

/** "name: value", added to those before it. */
export function addHeader(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("expected a name, a colon and a value."); // which may be secret
  return { ...before, [name]: value! };
}

/** A moment in ISO 8601: "2026-06-01" or "2026-06-01T12:00:00Z". */
export function instant(text: string): Date {
  const time = new Date(/^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError(`expected a time such as 2026-06-01 or 2026-06-01T12:00:00Z, got '${text}'.`);
  }
  return time;
}

/** "90s", "30m", "12h" or "7d", in seconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError("expected seconds (90s), minutes (30m), hours (12h) or days (7d).");
  return Number(amount) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as "s" | "m" | "h" | "d"];
}
