import { fillUniform } from "@casemate/tensor";
import { isBroken } from "../criterion.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { valueAt } from "../threats/radii.ts";
import { bisect, decideAt, type Place, rowsWhere } from "./path-search.ts";

/**
 * Moves each sample to an adversarial point near the boundary, from which a decision attack can walk: random images are tried
 * first, then the nearest clean sample that has a fitting class (the other way round for a targeted criterion, where random
 * images hardly ever fit), blended with the sample. Samples for which neither is found leave as failed.
 */
export async function findStart(search: Search, tries: number): Promise<void> {
  const { x, origin, width } = search;
  const { low, high } = finiteBounds(search);
  const found = search.doubles();
  const isOpen = (row: number) => found.values[row] === 0;
  await startAtReferences(search, found, (row) => search.goal(row).target !== undefined);
  const noise: Place = (row, attempt, point) => {
    fillUniform(point, search.draw(row, attempt));
    for (let j = 0; j < width; j++) point[j] = low[j]! + (high[j]! - low[j]!) * point[j]!;
  };
  for (let attempt = 0; attempt < tries; attempt++) {
    const open = rowsWhere(search, isOpen);
    if (open.length === 0) break;
    const decisions = await decideAt(search, open, noise, () => attempt);
    for (const [index, row] of open.entries()) {
      if (!decisions[index]) continue;
      found.values[row] = 1;
      noise(row, attempt, x.row(row));
      search.pin(row, x.row(row));
    }
  }
  await startAtReferences(search, found, isOpen);
  search.dismiss(
    (row) => found.values[row] === 0 && `no starting point: none of ${tries} random images was adversarial`,
  );

  const far = search.floats();
  far.values.set(x.values);
  const standing = search.doubles();
  const adversarial = search.doubles();
  adversarial.values.fill(1);
  const blend: Place = (row, t, point) => {
    const near = origin.row(row);
    const end = far.row(row);
    for (let j = 0; j < width; j++) point[j] = (1 - t) * near[j]! + t * end[j]!;
  };
  await bisect(search, standing, adversarial, blend, () => BLEND_TOLERANCE);
  for (let row = 0; row < search.active; row++) blend(row, adversarial.values[row]!, x.row(row));
}

/** Moves samples to the nearest clean one of a fitting class, where there is one and masked features do not matter to it. */
async function startAtReferences(
  search: Search,
  found: Rows<Float64Array>,
  wants: (row: number) => boolean,
): Promise<void> {
  const nearest = new Map(
    rowsWhere(search, wants).flatMap((row) => {
      const reference = nearestReference(search, row);
      return reference ? [[row, reference] as const] : [];
    }),
  );
  const rows = [...nearest.keys()];
  const place: Place = (row, _, point) => point.set(nearest.get(row)!);
  const decisions = await decideAt(search, rows, place, () => 1);
  for (const row of rows.filter((_, index) => decisions[index])) {
    found.values[row] = 1;
    search.x.row(row).set(nearest.get(row)!);
    search.pin(row, search.x.row(row));
  }
}

function nearestReference(search: Search, row: number): Float32Array | undefined {
  const goal = search.goal(row);
  const origin = search.origin.row(row);
  let nearest: Float32Array | undefined;
  let smallest = Infinity;
  for (const [index, input] of search.references.inputs.entries()) {
    const prediction = search.references.predictions[index]!;
    if (prediction < 0 || !isBroken(goal, prediction)) continue;
    let sum = 0;
    for (let j = 0; j < input.length; j++) sum += (input[j]! - origin[j]!) ** 2;
    if (sum >= smallest) continue;
    nearest = input;
    smallest = sum;
  }
  return nearest;
}

/** The bounds of each feature. Throws an AttackError where they are not finite, since there is nothing to draw from. */
export function finiteBounds(
  { model: { bounds }, width }: Search,
  name = "decision attacks",
): { low: Float64Array; high: Float64Array } {
  const low = Float64Array.from({ length: width }, (_, j) => valueAt(bounds.lower, j));
  const high = Float64Array.from({ length: width }, (_, j) => valueAt(bounds.upper, j));
  const open = low.findIndex((each, j) => !Number.isFinite(high[j]! - each));
  if (open < 0) return { low, high };
  const got = `[${low[open]}, ${high[open]}] at feature ${open}`;
  throw new AttackError("UNSUPPORTED_MODEL", `${name}: expected finite bounds, got ${got}`);
}

/** As in the authors' HopSkipJump. */
const BLEND_TOLERANCE = 0.001;
