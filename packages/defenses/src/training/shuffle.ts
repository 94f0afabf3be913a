import { fillWords } from "@casemate/tensor";

/** The numbers from 0 below `count` in an order that `seed`, `stream` and `step` choose (Fisher & Yates, as Durstenfeld has it). */
export function shuffled(count: number, seed: number, stream: number, step: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const words = fillWords(new Uint32Array(count), { seed, stream, sample: 0, step });
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((words[i]! / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
