import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { flatShape, type ImageShape, imageShape } from "../image.ts";
import type { Threat } from "../threats/threat.ts";
import { squareL1 } from "./square-l1.ts";
import { squareL2 } from "./square-l2.ts";
import { squareLinf } from "./square-linf.ts";
import { shareAt } from "./square-moves.ts";

export interface SquareOptions {
  /** Changes tried on each sample, one query each; the starting point is one more. */
  readonly queries?: number;
  /** Share of the image that the first squares cover. */
  readonly initialShare?: number;
  readonly restarts?: number;
}

/**
 * Square attack (Andriushchenko et al., 2020, https://arxiv.org/abs/1912.00049): random search that changes a square of the
 * image at a time and keeps what lowers the margin. It needs scores only, so it finds what masked gradients hide. The squares
 * shrink by the iteration number as in AutoAttack, not rescaled to the number of queries. In Linf it also takes inputs
 * that are no images, as one row of features.
 */
export function square({ queries = 5000, initialShare = 0.8, restarts = 0 }: SquareOptions = {}): Attack {
  return {
    name: "Square",
    access: "score",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    parameters: { queries, initialShare, restarts },
    obstacle: obstacleTo,
    citation: { text: "Andriushchenko et al., 2020", url: "https://arxiv.org/abs/1912.00049" },
    async *attempt(search) {
      const { x } = search;
      const moves = movesIn[search.threat.norm as keyof typeof movesIn](search, shapeOf(search));
      const candidate = search.floats();
      const standing = search.doubles(); // the margin at x
      for (let row = 0; row < search.active; row++) moves.begin(row);
      await search.evaluate();
      standing.values.set(search.margin.values);
      for (let step = 1; step <= queries; step++) {
        const share = shareAt(step - 1, initialShare);
        candidate.values.set(x.values);
        for (let row = 0; row < search.active; row++) moves.propose(row, candidate, share, step);
        await search.evaluate(candidate);
        for (let row = 0; row < search.active; row++) {
          if (!(search.margin.values[row]! < standing.values[row]!)) continue;
          standing.values[row] = search.margin.values[row]!;
          x.copyRow(row, candidate);
        }
        yield { step, steps: queries };
      }
    },
  };
}

const movesIn = { linf: squareLinf, l2: squareL2, l1: squareL1 };

function shapeOf({ model, width }: Search): ImageShape {
  return imageShape(model) ?? flatShape(width);
}

/** In L2 and L1 it moves mass about between windows of an image. */
function obstacleTo(model: Parameters<typeof imageShape>[0], threat: Threat): string | undefined {
  if (threat.norm === "linf") return undefined;
  const shape = imageShape(model);
  const isPlain = typeof threat.epsilon === "number" && threat.mask === undefined;
  if (shape && isPlain && Math.min(shape.height, shape.width) >= 5) return undefined;
  const got = isPlain ? `an input of [${model.inputShape}]` : "an epsilon per feature or a mask";
  return `expected images from 5 × 5 and one epsilon in L2 and L1, got ${got}`;
}
