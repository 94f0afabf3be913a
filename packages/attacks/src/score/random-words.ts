import { fillWords } from "@casemate/tensor";
import type { Search } from "../engine/search.ts";

/** The random words of a row at a step; `purpose` keeps several uses in one step apart. */
export function wordsFor(search: Search, row: number, step: number, count: number, purpose = 0): Uint32Array {
  return fillWords(new Uint32Array(count), search.draw(row, step, purpose));
}
