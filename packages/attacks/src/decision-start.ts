import { fillUniform } from "@casemate/tensor";
import { isBroken } from "./criterion.ts";
import { AttackError } from "./errors.ts";
import { bisect, decideAt, type Place, rowsWhere } from "./path-search.ts";
import { valueAt } from "./radii.ts";
import type { Search } from "./search.ts";

/**
 * Moves each sample to an adversarial point near the boundary, from which a decision attack can walk: random images are tried
 * first, then the nearest clean sample that has a fitting class (the other way round for a targeted criterion, where random
 * images hardly ever fit), blended with the sample. Samples for which neither is found leave as failed.
 */
export async function findStart(search: Search, tries: number): Promise<void> {
  const { active, x, origin, model, width } = search;
  const { lower, upper } = model.bounds;
  const found = search.doubles();
  for (let row = 0; row < active; row++) {
    if (search.goal(row).target !== undefined && placeAtReference(search, row)) found.values[row] = 1;
  }
  for (let attempt = 0; attempt < tries; attempt++) {
    const open = rowsWhere(search, (row) => found.values[row] === 0);
    if (open.length === 0) break;
    const place: Place = (row, _, point) => {
      fillUniform(point, search.draw(row, attempt));
      for (let j = 0; j < width; j++) {
        const low = valueAt(lower, j);
        const high = valueAt(upper, j);
        if (!Number.isFinite(high - low)) {
          throw new AttackError("UNSUPPORTED_MODEL", `decision attacks: expected finite bounds, got [${low}, ${high}]`);
        }
        point[j] = low + (high - low) * point[j]!;
      }
    };
    const decisions = await decideAt(search, open, place, () => 1);
    for (const [index, row] of open.entries()) {
      if (!decisions[index]) continue;
      found.values[row] = 1;
      place(row, 1, x.row(row));
    }
  }
  for (const row of rowsWhere(search, (each) => found.values[each] === 0)) {
    if (placeAtReference(search, row)) found.values[row] = 1;
  }
  search.dismiss(
    (row) => found.values[row] === 0 && `no starting point: none of ${tries} random images was adversarial`,
  );

  const far = search.floats();
  far.values.set(x.values);
  const low = search.doubles();
  const high = search.doubles();
  high.values.fill(1);
  const blend: Place = (row, t, point) => {
    const near = origin.row(row);
    const end = far.row(row);
    for (let j = 0; j < width; j++) point[j] = (1 - t) * near[j]! + t * end[j]!;
  };
  await bisect(search, low, high, blend, () => BLEND_TOLERANCE);
  for (let row = 0; row < search.active; row++) blend(row, high.values[row]!, x.row(row));
}

/** Moves the sample to the nearest clean one of a fitting class; false if there is none. */
function placeAtReference(search: Search, row: number): boolean {
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
  if (nearest) search.x.row(row).set(nearest);
  return nearest !== undefined;
}

/** As in the authors' HopSkipJump. */
const BLEND_TOLERANCE = 0.001;
