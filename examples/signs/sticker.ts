import type { Sticker } from "./face.ts";

/** Where a sticker is on a face of side × side, and how it is divided into cells of one colour each. */
export interface Layout {
  readonly side: number;
  readonly cells: number;
  /** The cell of each texel, -1 where the sign stays bare: [side, side]. */
  readonly cellOf: Int16Array;
}

/** Two bars across the face, above and below the word on it, as in Eykholt et al., 2018 (https://arxiv.org/abs/1707.08945). */
export function twoBars(side: number): Layout {
  const grid = 16;
  const isSticker = (row: number, column: number): boolean =>
    column >= 3 && column <= 12 && ((row >= 2 && row <= 4) || (row >= 11 && row <= 13));
  let cells = 0;
  const numbered = Array.from({ length: grid * grid }, (_, i) =>
    isSticker(Math.floor(i / grid), i % grid) ? cells++ : -1,
  );
  const cellOf = Int16Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side), i % side];
    return numbered[Math.floor((row * grid) / side) * grid + Math.floor((column * grid) / side)]!;
  });
  return { side, cells, cellOf };
}

/** The sticker whose cells have these colours: [3, cells], from 0 to 1. */
export function stickerOf({ side, cells, cellOf }: Layout, colours: Float32Array): Sticker {
  const texels = side * side;
  const colour = (i: number): number => {
    const cell = cellOf[i % texels]!;
    return cell < 0 ? 0 : colours[Math.floor(i / texels) * cells + cell]!;
  };
  return {
    side,
    colours: Float32Array.from({ length: 3 * texels }, (_, i) => colour(i)),
    mask: Float32Array.from(cellOf, (cell) => (cell < 0 ? 0 : 1)),
  };
}
