import type { Search } from "../engine/search.ts";
import { crossEntropyTowards } from "../models/logit-losses.ts";

/** The scores of points, in the order of their owners. */
export interface PointScores {
  /** [points, classes] */
  readonly logits: Float32Array;
  /** Above 0 the point stands; infinite where it could not be evaluated. */
  readonly margins: Float64Array;
}

/**
 * Scores many points per sample: `owners` holds the row of the sample that each belongs to, and `place` writes a point when its
 * turn comes, so that only a portion of them is in memory. Points that are adversarial are kept; samples leave at the next
 * `dismiss`.
 */
export async function scorePoints(
  search: Search,
  owners: ArrayLike<number>,
  place: (index: number, point: Float32Array) => void,
): Promise<PointScores> {
  const { width } = search;
  const { classes } = search.model;
  const logits = new Float32Array(owners.length * classes);
  const margins = new Float64Array(owners.length);
  const portion = Math.max(1, Math.floor(PORTION_BYTES / (4 * width)));
  for (let from = 0; from < owners.length; from += portion) {
    const count = Math.min(portion, owners.length - from);
    const rows = Int32Array.from({ length: count }, (_, index) => owners[from + index]!);
    const points = new Float32Array(count * width);
    for (let index = 0; index < count; index++) {
      place(from + index, points.subarray(index * width, (index + 1) * width));
    }
    const scores = await search.scoreAt(points, rows);
    logits.set(scores.logits, from * classes);
    margins.set(scores.margins, from);
    for (let index = 0; index < count; index++) {
      if (scores.adversarial[index]) search.keep(rows[index]!, points.subarray(index * width, (index + 1) * width));
    }
  }
  return { logits, margins };
}

const PORTION_BYTES = 16 * 2 ** 20;

/** What an attack on the probability of the label, or of the target, climbs: the cross-entropy of point `index` of the scores. */
export function crossEntropyAt(
  search: Search,
  row: number,
  { logits }: Pick<PointScores, "logits">,
  index: number,
): number {
  const { classes } = search.model;
  return crossEntropyTowards(search.goal(row), logits.subarray(index * classes, (index + 1) * classes));
}
