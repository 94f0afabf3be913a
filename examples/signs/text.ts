import { arc, type Point, path, type Shape, stroke, union } from "./shapes.ts";

/** Text drawn with a round pen around the middle of the face: `height` and `pen` in units of the face. */
export function text(word: string, height: number, pen: number): Shape {
  const inner = height - pen; // glyphs are lines, which the pen makes thicker
  const widths = [...word].map((letter) => glyphs[letter]!.width * inner);
  const gap = 1.75 * pen;
  const total = widths.reduce((sum, width) => sum + width, 0) + gap * (word.length - 1);
  let left = -total / 2;
  const strokes = [...word].flatMap((letter, i) => {
    const place = ([x, y]: Point): Point => [left + x * inner, (y - 0.5) * inner];
    const placed = glyphs[letter]!.lines.map((line) => stroke(line.map(place), pen));
    left += widths[i]! + gap;
    return placed;
  });
  return union(...strokes);
}

interface Glyph {
  readonly width: number;
  /** Lines in a box as high as 1, y down. */
  readonly lines: readonly (readonly Point[])[];
}

const oval = { width: 0.5, lines: [arc([0.25, 0.5], [0.25, 0.5], 0, 360)] };

/** The letters that the signs need, after the road signs' own narrow, even script. */
const glyphs: Readonly<Record<string, Glyph>> = {
  "0": oval,
  "3": {
    width: 0.5,
    lines: [[...arc([0.24, 0.25], [0.24, 0.25], -160, 90), ...arc([0.24, 0.74], [0.26, 0.26], -90, 160)]],
  },
  "5": {
    width: 0.5,
    lines: [[...path(0.46, 0, 0.08, 0, 0.04, 0.46), ...arc([0.23, 0.68], [0.27, 0.32], -130, 150)]],
  },
  "8": {
    width: 0.5,
    lines: [arc([0.25, 0.24], [0.22, 0.24], 0, 360), arc([0.25, 0.74], [0.25, 0.26], 0, 360)],
  },
  O: oval,
  P: { width: 0.42, lines: [[...path(0, 1, 0, 0), ...arc([0.16, 0.27], [0.26, 0.27], -90, 90), [0, 0.54]]] },
  S: {
    width: 0.44,
    lines: [[...arc([0.22, 0.25], [0.22, 0.25], -25, -270), ...arc([0.22, 0.75], [0.22, 0.25], -90, 155)]],
  },
  T: {
    width: 0.46,
    lines: [path(0, 0, 0.46, 0), path(0.23, 0, 0.23, 1)],
  },
};
