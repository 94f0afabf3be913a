import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";

/** The softmax of the model's scores of each clean sample, in rows that follow the active set; one query each. */
export async function cleanProbabilities(search: Search): Promise<Rows> {
  const { classes } = search.model;
  const { logits } = await search.scoreAt(
    search.origin.values,
    Array.from({ length: search.active }, (_, row) => row),
  );
  const probabilities = search.floats(classes);
  probabilities.values.set(logits);
  for (let row = 0; row < search.active; row++) softmax(probabilities.row(row));
  search.dismiss();
  return probabilities;
}

function softmax(values: Float32Array): void {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  let sum = 0;
  for (let k = 0; k < values.length; k++) {
    values[k] = Math.exp(values[k]! - largest);
    sum += values[k]!;
  }
  for (let k = 0; k < values.length; k++) values[k]! /= sum;
}
