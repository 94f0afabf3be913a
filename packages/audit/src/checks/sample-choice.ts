import { fillWords } from "@casemate/tensor";

const STREAM = 0x5a3b1e; // keeps these draws apart from those of attacks

/** `count` of `total` positions, drawn by the seed and in rising order; all where there are no more. */
export function chooseSamples(total: number, count: number, seed: number): readonly number[] {
  const all = Array.from({ length: total }, (_, index) => index);
  if (count >= total) return all;
  const keys = fillWords(new Uint32Array(total), { seed, stream: STREAM, sample: 0, step: 0 });
  return all
    .sort((a, b) => keys[a]! - keys[b]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}
