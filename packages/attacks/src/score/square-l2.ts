import { clip } from "@casemate/tensor";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { forEachPixel, type ImageShape, type Window } from "../image.ts";
import { wordsFor } from "./random-words.ts";
import { type SquareMoves, signOf, squareAt } from "./square-moves.ts";

/**
 * Square's moves in L2: begin with a 5 × 5 tiling of bumps, then move the perturbation's mass from one square to another,
 * where it is mixed with a new bump.
 */
export function squareL2(search: Search, shape: ImageShape): SquareMoves {
  const { model, width, x, origin } = search;
  const epsilon = search.threat.epsilon as number;
  const { channels, height } = shape;
  const known = new Map<number, Float64Array>();
  const bump = (side: number): Float64Array => {
    const made = known.get(side) ?? twoHills(side);
    known.set(side, made);
    return made;
  };

  /** Puts row `row` of `at` where the change `delta` says, stretched to the length epsilon and clipped. */
  const place = (row: number, at: Rows, delta: Float64Array) => {
    const scale = epsilon / (1e-12 + Math.sqrt(sumOfSquares(delta)));
    const center = origin.row(row);
    const point = at.row(row);
    for (let i = 0; i < width; i++) point[i] = center[i]! + scale * delta[i]!;
    clip(point, model.bounds.lower, model.bounds.upper); // towards the center, so that the ball is not left
  };

  return {
    begin(row) {
      place(row, x, tiling(search, row, shape, bump));
    },
    propose(row, candidate, share, step) {
      const words = wordsFor(search, row, step, 5 + channels);
      const side = oddSide(share, shape);
      const into = squareAt(words, 0, side, height, shape.width);
      const outOf = squareAt(words, 2, side, height, shape.width);
      const isTurned = (words[4]! & 1) === 1;
      const delta = difference(candidate.row(row), origin.row(row));
      const unused = Math.max(0, epsilon ** 2 - sumOfSquares(delta)) / channels;
      for (let channel = 0; channel < channels; channel++) {
        const sign = signOf(words[5 + channel]!);
        const before = massIn(delta, [into], shape, channel);
        const budget = unused + massIn(delta, [into, outOf], shape, channel);
        const mixed = new Float64Array(side * side);
        forEachPixel(into, shape, channel, (feature, r, c) => {
          const fresh = sign * bump(side)[isTurned ? c * side + r : r * side + c]!;
          mixed[r * side + c] = fresh + delta[feature]! / (1e-12 + Math.sqrt(before));
        });
        const scale = Math.sqrt(budget) / (1e-12 + Math.sqrt(sumOfSquares(mixed)));
        forEachPixel(outOf, shape, channel, (feature) => {
          delta[feature] = 0;
        });
        forEachPixel(into, shape, channel, (feature, r, c) => {
          delta[feature] = scale * mixed[r * side + c]!;
        });
      }
      place(row, candidate, delta);
    },
  };
}

/** A 5 × 5 tiling of bumps with random signs. */
export function tiling(
  search: Search,
  row: number,
  shape: ImageShape,
  bump: (side: number) => Float64Array,
): Float64Array {
  const { channels, height } = shape;
  const side = Math.floor(height / 5);
  const first = Math.floor((height - 5 * side) / 2);
  const [down, across] = [Math.floor(height / side), Math.floor(shape.width / side)];
  const words = wordsFor(search, row, 0, down * across * (1 + channels));
  const delta = new Float64Array(search.width);
  for (let tile = 0; tile < down * across; tile++) {
    const top = first + Math.floor(tile / across) * side;
    const left = first + (tile % across) * side;
    const rows = Math.min(side, height - top);
    const columns = Math.min(side, shape.width - left);
    const at = tile * (1 + channels);
    const isTurned = (words[at]! & 1) === 1;
    for (let channel = 0; channel < channels; channel++) {
      const sign = signOf(words[at + 1 + channel]!);
      forEachPixel({ top, left, rows, columns }, shape, channel, (feature, r, c) => {
        delta[feature] = sign * bump(side)[isTurned ? c * side + r : r * side + c]!;
      });
    }
  }
  return delta;
}

/** The side of a square of `share` of the image: odd, at least 3, and no larger than the image. */
export function oddSide(share: number, { height, width }: ImageShape): number {
  const side = Math.max(Math.round(Math.sqrt(share * height * width)), 3);
  return Math.min(side % 2 === 0 ? side + 1 : side, height, width);
}

/** The authors' eta: a hill above a valley, of length 1 in the norm; the hills are steeper in L1. */
export function twoHills(side: number, norm: "l2" | "l1" = "l2"): Float64Array {
  const upper = Math.floor(side / 2);
  const result = new Float64Array(side * side);
  result.set(hill(upper, side, norm), 0);
  result.set(
    hill(side - upper, side, norm).map((value) => -value),
    upper * side,
  );
  return ofLengthOne(result, norm);
}

/** Nested rectangles around the middle, each adding 1/n² (in L1 1/n⁴), of length 1 in all. */
function hill(rows: number, columns: number, norm: "l2" | "l1"): Float64Array {
  const result = new Float64Array(rows * columns);
  const middleRow = Math.floor(rows / 2);
  const middleColumn = Math.floor(columns / 2);
  for (let n = 0; n <= Math.max(middleRow, middleColumn); n++) {
    for (let r = Math.max(middleRow - n, 0); r < Math.min(middleRow + n + 1, rows); r++) {
      for (let c = Math.max(middleColumn - n, 0); c < Math.min(middleColumn + n + 1, columns); c++) {
        result[r * columns + c]! += 1 / (n + 1) ** (norm === "l2" ? 2 : 4);
      }
    }
  }
  return ofLengthOne(result, norm);
}

function ofLengthOne(values: Float64Array, norm: "l2" | "l1"): Float64Array {
  let sum = 0;
  for (const value of values) sum += norm === "l2" ? value * value : Math.abs(value);
  const length = norm === "l2" ? Math.sqrt(sum) : sum;
  return length === 0 ? values : values.map((value) => value / length);
}

/** The sum of one channel's changes in the union of windows, squared or, in L1, absolute. */
export function massIn(
  delta: Float64Array,
  windows: readonly Window[],
  shape: ImageShape,
  channel: number,
  norm: "l2" | "l1" = "l2",
): number {
  let sum = 0;
  for (const [index, window] of windows.entries()) {
    const earlier = windows.slice(0, index);
    forEachPixel(window, shape, channel, (feature, row, column) => {
      const isCounted = earlier.some((each) => contains(each, window.top + row, window.left + column));
      const change = delta[feature]!;
      if (!isCounted) sum += norm === "l2" ? change * change : Math.abs(change);
    });
  }
  return sum;
}

function contains({ top, left, rows, columns }: Window, row: number, column: number): boolean {
  return row >= top && row < top + rows && column >= left && column < left + columns;
}

export function difference(x: Float32Array, origin: Float32Array): Float64Array {
  const result = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) result[i] = x[i]! - origin[i]!;
  return result;
}

function sumOfSquares(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
