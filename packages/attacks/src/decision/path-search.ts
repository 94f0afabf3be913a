import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";

/** Writes to `point` where a sample is after the share `t` (0 to 1) of the way. */
export type Place = (row: number, t: number, point: Float32Array) => void;

/**
 * Walks each sample along a path in equal steps until it is adversarial, then bisects back to the boundary, and keeps what it
 * finds there. Yields after each step.
 */
export async function* searchAlongPath(
  search: Search,
  place: Place,
  { steps, bisections, lost = () => true }: PathSearchOptions,
): AsyncGenerator<{ step: number; steps: number }, void> {
  const low = search.doubles();
  const high = search.doubles();
  for (let step = 1; step <= steps; step++) {
    const open = rowsWhere(search, (row) => high.values[row] === 0);
    const decisions = await decideAt(search, open, place, () => step / steps);
    for (const [index, row] of open.entries()) {
      if (decisions[index]) high.values[row] = step / steps;
      else low.values[row] = step / steps;
    }
    yield { step, steps };
  }
  search.dismiss((row) => high.values[row] === 0 && (lost(row) || true));
  await bisect(search, low, high, place, () => 2 ** -bisections / steps);
  for (let row = 0; row < search.active; row++) {
    place(row, high.values[row]!, search.x.row(row));
    search.pin(row, search.x.row(row));
    search.keep(row, search.x.row(row));
  }
  search.dismiss();
}

interface PathSearchOptions {
  readonly steps: number;
  readonly bisections: number;
  /** Why a sample that is nowhere adversarial has failed; it just stands if there is no reason. */
  readonly lost?: (row: number) => string | boolean;
}

/** Brings `low` (standing) and `high` (adversarial) of each row as close together as `tolerance` asks. */
export async function bisect(
  search: Search,
  low: Rows<Float64Array>,
  high: Rows<Float64Array>,
  place: Place,
  tolerance: (row: number) => number,
): Promise<void> {
  for (let round = 0; round < MOST_BISECTIONS; round++) {
    const open = rowsWhere(search, (row) => high.values[row]! - low.values[row]! > tolerance(row));
    if (open.length === 0) return;
    const decisions = await decideAt(search, open, place, (row) => (low.values[row]! + high.values[row]!) / 2);
    for (const [index, row] of open.entries()) {
      const middle = (low.values[row]! + high.values[row]!) / 2;
      (decisions[index] ? high : low).values[row] = middle;
    }
  }
}

/** The decisions for some rows, each at its own share of its path, with masked features left alone. */
export function decideAt(
  search: Search,
  rows: readonly number[],
  place: Place,
  share: (row: number) => number,
): Promise<Uint8Array> {
  const points = new Float32Array(rows.length * search.width);
  for (const [index, row] of rows.entries()) {
    const point = points.subarray(index * search.width, (index + 1) * search.width);
    place(row, share(row), point);
    search.pin(row, point);
  }
  return search.decide(points, rows);
}

/** The rows for which `holds` does. */
export function rowsWhere(search: Search, holds: (row: number) => boolean): number[] {
  const rows: number[] = [];
  for (let row = 0; row < search.active; row++) if (holds(row)) rows.push(row);
  return rows;
}

/** Beyond this many halvings float64 has nothing left to halve. */
const MOST_BISECTIONS = 60;
