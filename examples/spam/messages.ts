import { fillUniform } from "@casemate/tensor";
import { fillers, sentences } from "./sentences.ts";

export interface Message {
  readonly text: string;
  readonly isSpam: boolean;
}

/**
 * Made-up messages, half of them spam, each drawn by its key, so that the same key gives the same message. One sentence in ten is of
 * the other kind, since honest people write of prizes and spam pretends to be honest.
 */
export function messages(count: number, seed: number): Message[] {
  return Array.from({ length: count }, (_, sample) => {
    const isSpam = sample % 2 === 1;
    return { text: written(isSpam, dice(seed, sample)), isSpam };
  });
}

function written(isSpam: boolean, next: () => number): string {
  const [own, other] = isSpam
    ? [sentences.unwanted, sentences.wanted]
    : ([sentences.wanted, sentences.unwanted] as const);
  const parts = next() < 0.7 ? [oneOf(sentences.anyone, next)] : [];
  const count = 2 + Math.floor(3 * next());
  for (let i = 0; i < count; i++) parts.push(oneOf(next() < OF_THE_OTHER_KIND ? other : own, next));
  if (next() < 0.5) parts.push(oneOf(sentences.anyone, next));
  return parts.join(" ").replaceAll(/\{(\w+)\}/g, (_, kind: string) => oneOf(fillers[kind]!, next));
}

const OF_THE_OTHER_KIND = 0.1;

function oneOf(list: readonly string[], next: () => number): string {
  return list[Math.floor(list.length * next())]!;
}

/** Uniform numbers below 1, one after the other, that follow from the key alone. */
function dice(seed: number, sample: number): () => number {
  const numbers = fillUniform(new Float32Array(64), { seed, stream: 0, sample, step: 0 });
  let used = 0;
  return () => numbers[used++]!;
}
