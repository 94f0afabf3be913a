import type { Search } from "../engine/search.ts";
import { forEachPixel, type ImageShape } from "../image.ts";
import { radiiOf, valueAt } from "../threats/radii.ts";
import { wordsFor } from "./random-words.ts";
import { type SquareMoves, signOf, windowAt } from "./square-moves.ts";

/** Square's moves in Linf: begin with vertical stripes of ±epsilon, then set squares to ±epsilon, one sign per channel. */
export function squareLinf(search: Search, shape: ImageShape): SquareMoves {
  const { threat, model, width, x, origin } = search;
  const radii = radiiOf(threat.epsilon, threat.mask);
  return {
    begin(row) {
      const signs = wordsFor(search, row, 0, shape.channels * shape.width);
      const point = x.row(row);
      for (let channel = 0; channel < shape.channels; channel++) {
        const all = { top: 0, left: 0, rows: shape.height, columns: shape.width };
        forEachPixel(all, shape, channel, (feature, _, column) => {
          point[feature]! += signOf(signs[channel * shape.width + column]!) * valueAt(radii, feature);
        });
      }
      threat.project(point, origin.row(row), width, model.bounds);
    },
    propose(row, candidate, share, step) {
      const words = wordsFor(search, row, step, 2 + shape.channels);
      const window = windowAt(words, 0, share, shape);
      const { lower, upper } = model.bounds;
      const point = candidate.row(row);
      const center = origin.row(row);
      for (let channel = 0; channel < shape.channels; channel++) {
        const sign = signOf(words[2 + channel]!);
        // From anywhere in the ball a change of 2 epsilon ends on its far side.
        forEachPixel(window, shape, channel, (feature) => {
          const moved = center[feature]! + sign * valueAt(radii, feature);
          point[feature] = Math.min(Math.max(moved, valueAt(lower, feature)), valueAt(upper, feature));
        });
      }
    },
  };
}
