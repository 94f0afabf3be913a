import { wordToUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { flatShape, forEachPixel, type ImageShape, imageShape, type Window } from "../image.ts";
import { wordsFor } from "./random-words.ts";
import { crossEntropyAt, scorePoints } from "./score-points.ts";

export interface PixleOptions {
  /** How often the best rearrangement so far is kept and built upon; the paper calls them restarts. */
  readonly rounds?: number;
  /** Rearrangements tried in a round. */
  readonly iterations?: number;
  /** Smallest and largest side of the patch whose pixels are copied. */
  readonly sides?: readonly [number, number];
}

/**
 * Pixle (Pomponi et al., 2022, https://arxiv.org/abs/2202.02236): copies the pixels of a random patch of the clean image to
 * random places, and keeps of each round the rearrangement that makes the label least probable, if it improves on the last.
 * In a ball too large to matter this is the paper's attack; in a smaller one the largest changes stay. Inputs that are no
 * images are one row of pixels.
 */
export function pixle({ rounds = 20, iterations = 10, sides = [2, 10] }: PixleOptions = {}): Attack {
  return {
    name: "Pixle",
    access: "score",
    aim: "inside",
    norms: ["l0"],
    restarts: 0,
    parameters: { rounds, iterations, smallestSide: sides[0], largestSide: sides[1] },
    citation: { text: "Pomponi et al., 2022", url: "https://arxiv.org/abs/2202.02236" },
    async *attempt(search) {
      const { threat, model, width, x, origin } = search;
      const shape = imageShape(model) ?? flatShape(width);
      const climbed = search.doubles();
      await search.evaluate();
      for (let row = 0; row < search.active; row++) {
        climbed.values[row] = crossEntropyAt(search, row, { logits: search.logits.values }, row);
      }
      for (let round = 0; round < rounds && search.active > 0; round++) {
        const owners = Int32Array.from({ length: search.active * iterations }, (_, i) => Math.floor(i / iterations));
        const place = (index: number, point: Float32Array) => {
          const row = owners[index]!;
          const words = wordsFor(search, row, round, 4 + sides[1] ** 2, index % iterations);
          point.set(x.row(row));
          rearrange(point, origin.row(row), patchAt(words, sides, shape), shape, words.subarray(4));
          search.pin(row, point);
          threat.project(point, origin.row(row), width, model.bounds);
        };
        const scores = await scorePoints(search, owners, place);
        for (let row = 0; row < search.active; row++) {
          let best = -1;
          for (let index = row * iterations; index < (row + 1) * iterations; index++) {
            const reached = crossEntropyAt(search, row, scores, index);
            if (!(reached > climbed.values[row]!)) continue;
            climbed.values[row] = reached;
            best = index;
          }
          if (best >= 0) place(best, x.row(row));
        }
        search.dismiss();
        yield { step: round + 1, steps: rounds };
      }
      if (search.active > 0) await search.evaluate();
    },
  };
}

/** A patch whose place and sides four random words decide, cut off at the edges of the image. */
function patchAt(words: Uint32Array, [smallest, largest]: readonly [number, number], shape: ImageShape): Window {
  const within = (word: number, count: number): number => Math.floor(wordToUniform(word) * count);
  const top = within(words[0]!, shape.height);
  const left = within(words[1]!, shape.width);
  const rows = smallest + within(words[2]!, largest - smallest + 1);
  const columns = smallest + within(words[3]!, largest - smallest + 1);
  return { top, left, rows: Math.min(rows, shape.height - top), columns: Math.min(columns, shape.width - left) };
}

/** Copies the patch's pixels, all channels together, from `source` to places in `point` that the words decide. */
function rearrange(
  point: Float32Array,
  source: Float32Array,
  patch: Window,
  shape: ImageShape,
  words: Uint32Array,
): void {
  const pixels = shape.height * shape.width;
  for (let channel = 0; channel < shape.channels; channel++) {
    forEachPixel(patch, shape, channel, (feature, row, column) => {
      const place = Math.floor(wordToUniform(words[row * patch.columns + column]!) * pixels);
      const down = Math.floor(place / shape.width) * shape.rowStride;
      const across = (place % shape.width) * shape.columnStride;
      point[channel * shape.channelStride + down + across] = source[feature]!;
    });
  }
}
