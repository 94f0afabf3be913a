/**
 * What a number of an answer is. "logit" and "probability" are one number for two classes: that of the second. "labels" are
 * positions of classes, or their names.
 */
export type OutputKind = "logits" | "probabilities" | "labels" | "logit" | "probability";

/** One row of an answer: its numbers, or the name of a class. */
export type AnswerRow = readonly number[] | string;

/**
 * Writes the logits that a row of an answer stands for: logarithms of probabilities, 1 and 0 for labels. A number that is
 * none stays so. Throws an Error that says what was expected where the row is of another kind.
 */
export function writeLogits(
  row: AnswerRow,
  kind: OutputKind,
  logits: Float32Array,
  classNames: readonly string[] | undefined,
): void {
  if (kind === "labels") {
    const label = typeof row === "string" ? (classNames?.indexOf(row) ?? -1) : labelOf(row, logits.length);
    if (label === -1) throw new Error(`expected a known class, got '${row}'`);
    logits.fill(0);
    logits[label] = 1;
    return;
  }
  if (typeof row === "string") throw new Error(`expected ${kind}, got '${row}'`);
  const expected = kind === "logits" || kind === "probabilities" ? logits.length : 1;
  if (row.length !== expected) throw new Error(`expected ${expected} ${kind}, got ${row.length}`);
  if (kind === "logits") logits.set(row);
  else if (kind === "logit") logits.set([0, row[0]!]);
  else writeLogarithms(kind === "probability" ? [1 - row[0]!, row[0]!] : row, logits);
}

/** The logarithms of probabilities, which may be rounded a little. */
function writeLogarithms(shares: readonly number[], logits: Float32Array): void {
  let sum = 0;
  for (const [k, share] of shares.entries()) {
    if (share < -TOLERANCE || share > 1 + TOLERANCE) throw new Error(`expected probabilities, got ${share}`);
    logits[k] = Math.log(Math.max(share, SMALLEST_PROBABILITY));
    sum += share;
  }
  if (Math.abs(sum - 1) > 10 * TOLERANCE) throw new Error(`expected probabilities, got numbers that add up to ${sum}`);
}

const TOLERANCE = 1e-3;
const SMALLEST_PROBABILITY = 1e-30;

function labelOf(row: readonly number[], classes: number): number {
  const [label] = row;
  if (row.length === 1 && Number.isInteger(label) && label! >= 0 && label! < classes) return label!;
  throw new Error(`expected one label from 0 to ${classes - 1}, got ${row.join(", ")}`);
}

/** The classes that rows of an answer have, where that shows. */
export function classesOf(
  row: AnswerRow,
  kind: OutputKind,
  classNames: readonly string[] | undefined,
): number | undefined {
  if (kind === "logit" || kind === "probability") return 2;
  return kind === "labels" || typeof row === "string" ? classNames?.length : row.length;
}
