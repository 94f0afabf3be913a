import type { Draw } from "@casemate/tensor";

/**
 * What the random numbers that belong to a row are keyed by: a seed and the row's own numbers, hashed word by word, so that they do
 * not depend on where in a batch it stands or on what was asked before.
 */
export function contentDraw(seed: number, row: Float32Array, step = 0): Draw {
  const words = new Uint32Array(row.buffer, row.byteOffset, row.length);
  let hash = 0x811c9dc5;
  for (const word of words) {
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15; // or what only differs in high bits, as 0 and 1 do, would stay there
  }
  return { seed, stream: STREAM, sample: hash >>> 0, step };
}

const STREAM = 0x0de7e4ce; // keeps these draws apart from those of attacks
