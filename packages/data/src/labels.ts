import { DataError } from "./data-error.ts";
import { excerpt } from "./excerpt.ts";
import type { Labels } from "./samples.ts";

/**
 * Labels as classes: whole numbers from 0 stay what they are; if any label is a word, all become positions among the distinct
 * labels, sorted by code unit. `place` names the i-th label in a message. Throws BAD_LABEL, also for "nan" among numbers.
 */
export function encodeLabels(values: readonly unknown[], place: (i: number) => string): Labels {
  const texts = values.map((value, i) => textOf(value, place(i)));
  if (texts.every((text) => Number.isFinite(Number(text)) || isNotFinite(text))) {
    return { labels: wholeLabels(texts.map(Number), place) };
  }
  const labelNames = [...new Set(texts)].sort();
  const positions = new Map(labelNames.map((name, position) => [name, position]));
  return { labels: Int32Array.from(texts, (text) => positions.get(text)!), labelNames };
}

/** Class numbers that are numbers already. Throws BAD_LABEL unless each is whole and from 0. */
export function wholeLabels(values: ArrayLike<number>, place: (i: number) => string): Int32Array {
  const labels = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    labels[i] = values[i]!;
    if (labels[i] !== values[i] || labels[i]! < 0) throw badLabel(place(i), "a whole number from 0", String(values[i]));
  }
  return labels;
}

/** Whether text stands for a number that is none, as other tools write it. */
export function isNotFinite(text: string): boolean {
  return /^[+-]?(nan|inf|infinity)$/i.test(text.trim());
}

function textOf(value: unknown, place: string): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  throw badLabel(place, "a label", excerpt(value));
}

function badLabel(place: string, expected: string, got: string): DataError {
  return new DataError("BAD_LABEL", `${place}: expected ${expected}, got ${got}`);
}
