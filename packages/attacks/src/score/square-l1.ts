import type { Search } from "../engine/search.ts";
import { forEachPixel, type ImageShape } from "../image.ts";
import { l1 } from "../threats/l1.ts";
import { wordsFor } from "./random-words.ts";
import { difference, massIn, oddSide, tiling, twoHills } from "./square-l2.ts";
import { type SquareMoves, signOf, squareAt } from "./square-moves.ts";

/**
 * Square's moves in L1, as the authors' AutoAttack has them: as in L2, but with steeper bumps, and what is too large is projected
 * onto ball and bounds instead of scaled. A channel's new square gets the mass of all channels, which the projection cuts.
 */
export function squareL1(search: Search, shape: ImageShape): SquareMoves {
  const { model, width, x, origin } = search;
  const epsilon = search.threat.epsilon as number;
  const ball = l1(epsilon * (1 - 1e-6));
  const { channels, height } = shape;
  const known = new Map<number, Float64Array>();
  const bump = (side: number): Float64Array => {
    const made = known.get(side) ?? twoHills(side, "l1");
    known.set(side, made);
    return made;
  };

  const place = (point: Float32Array, center: Float32Array, delta: Float64Array) => {
    for (let i = 0; i < width; i++) point[i] = center[i]! + delta[i]!;
    ball.project(point, center, width, model.bounds);
  };

  return {
    begin(row) {
      place(x.row(row), origin.row(row), tiling(search, row, shape, bump));
    },
    propose(row, candidate, share, step) {
      const words = wordsFor(search, row, step, 5 + channels);
      const side = oddSide(share, shape);
      const into = squareAt(words, 0, side, height, shape.width);
      const outOf = squareAt(words, 2, side, height, shape.width);
      const isTurned = (words[4]! & 1) === 1;
      const delta = difference(candidate.row(row), origin.row(row));
      const unused = Math.max(0, epsilon - sumOf(delta)) / channels;
      for (let channel = 0; channel < channels; channel++) {
        const sign = signOf(words[5 + channel]!);
        const before = massIn(delta, [into], shape, channel, "l1");
        const budget = (unused + massIn(delta, [into, outOf], shape, channel, "l1")) * channels;
        const mixed = new Float64Array(side * side);
        forEachPixel(into, shape, channel, (feature, r, c) => {
          const fresh = sign * bump(side)[isTurned ? c * side + r : r * side + c]!;
          mixed[r * side + c] = fresh + delta[feature]! / (1e-12 + before);
        });
        const scale = budget / (1e-12 + sumOf(mixed));
        forEachPixel(outOf, shape, channel, (feature) => {
          delta[feature] = 0;
        });
        forEachPixel(into, shape, channel, (feature, r, c) => {
          delta[feature] = scale * mixed[r * side + c]!;
        });
      }
      place(candidate.row(row), origin.row(row), delta);
    },
  };
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
  return sum;
}
