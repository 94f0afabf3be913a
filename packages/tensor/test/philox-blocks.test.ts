import fc from "fast-check";
import { expect, test } from "vitest";
import { philox4x32 } from "../src/index.ts";
import { fillPhilox } from "../src/philox-blocks.ts";

test("blocks in WebAssembly are those of the published rounds, also past one page of its memory", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.tuple(word, word, word), fc.tuple(word, word), fc.nat(5), (counter, key, blocks) => {
      const words = fillPhilox(new Uint32Array(4 * blocks), counter, key);
      expect(words).toEqual(byBlocks(blocks, counter, key));
    }),
  );
  const blocks = 16_384 / 4 + 3;
  expect(fillPhilox(new Uint32Array(4 * blocks), [1, 2, 3], [4, 5])).toEqual(byBlocks(blocks, [1, 2, 3], [4, 5]));
});

function byBlocks(blocks: number, counter: readonly number[], key: readonly number[]): Uint32Array {
  const words = new Uint32Array(4 * blocks);
  for (let block = 0; block < blocks; block++) {
    philox4x32(Uint32Array.of(block, ...counter), Uint32Array.from(key), words, 4 * block);
  }
  return words;
}
