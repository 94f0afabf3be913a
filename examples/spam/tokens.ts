import type { Message } from "./messages.ts";

/** Tokens of a message; longer ones are cut off, shorter ones filled up with `PADDING`. */
export const LENGTH = 64;

const PADDING = 0;
const UNKNOWN = 1;

/** Words with their numbers from 2 on: those that occur at least twice, the most frequent first. */
export function vocabularyOf(texts: readonly Message[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count >= 2);
  known.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return new Map(known.map(([word], i) => [word, i + 2]));
}

/** [messages, LENGTH] as int32, with labels: 1 is spam. */
export function tokenized(texts: readonly Message[], vocabulary: ReadonlyMap<string, number>) {
  const x = new Int32Array(texts.length * LENGTH).fill(PADDING);
  for (const [i, { text }] of texts.entries()) {
    const words = wordsOf(text).slice(0, LENGTH);
    x.set(
      words.map((word) => vocabulary.get(word) ?? UNKNOWN),
      i * LENGTH,
    );
  }
  return {
    x: { dtype: "int32", shape: [texts.length, LENGTH], data: x },
    y: { dtype: "uint8", shape: [texts.length], data: Uint8Array.from(texts, ({ isSpam }) => Number(isSpam)) },
  } as const;
}

/** Words, amounts and addresses in lower case, and marks by themselves. */
function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z$0-9](?:[a-z0-9'.-]*[a-z0-9])?|[!?,;:.]/g) ?? [];
}
