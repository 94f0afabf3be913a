import { wordToUniform } from "@casemate/tensor";
import type { Rows } from "../engine/active-rows.ts";
import type { ImageShape, Window } from "../image.ts";

/** How the attack begins and what it tries, which differs between norms. */
export interface SquareMoves {
  /** Moves row `row` of the search to its starting point. */
  begin(row: number): void;
  /** Changes a window of `share` of the image in row `row` of `candidate`, which is a copy of the best point. */
  propose(row: number, candidate: Rows, share: number, step: number): void;
}

/** The share of the image that a square covers at an iteration counted from 0: halved after 10, 50, 200, 500 … 8000. */
export function shareAt(iteration: number, initialShare: number): number {
  return initialShare / 2 ** HALVINGS.filter((limit) => iteration > limit).length;
}

const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/** A square of about `share` of the image, where two random words say; in a single row of features, a run of them. */
export function windowAt(words: Uint32Array, at: number, share: number, { height, width }: ImageShape): Window {
  const area = share * height * width;
  if (height === 1) {
    const columns = Math.min(Math.max(Math.round(area), 1), width);
    return { top: 0, left: Math.floor(wordToUniform(words[at]!) * (width - columns + 1)), rows: 1, columns };
  }
  const side = Math.min(Math.max(Math.round(Math.sqrt(area)), 1), height, width);
  return squareAt(words, at, side, height, width);
}

/** A square of a given side where two random words say; as the authors draw it, the last row and column are never reached. */
export function squareAt(words: Uint32Array, at: number, side: number, height: number, width: number): Window {
  const top = Math.floor(wordToUniform(words[at]!) * (height - side));
  const left = Math.floor(wordToUniform(words[at + 1]!) * (width - side));
  return { top, left, rows: side, columns: side };
}

/** A random sign from a word. */
export function signOf(word: number): number {
  return word & 1 ? 1 : -1;
}
