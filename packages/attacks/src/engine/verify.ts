import { isBroken, judge, NOT_A_NUMBER } from "../criterion.ts";
import type { Bounds } from "../models/classifier.ts";
import type { Threat } from "../threats/threat.ts";
import type { Evaluator } from "./evaluator.ts";
import type { SampleRecord } from "./sample-record.ts";

/**
 * The last word on what an attack found: one forward pass over all candidates. One that the model classifies as the attacker
 * wants, and that lies within the bounds, becomes the record's `verified`; any other is dropped.
 */
export async function verify(records: readonly SampleRecord[], threat: Threat, evaluator: Evaluator): Promise<void> {
  const found = records.filter((record) => record.candidate !== undefined);
  if (found.length === 0) return;
  const { classes, bounds } = evaluator.model;
  const width = found[0]!.input.length;
  const points = new Float32Array(found.length * width);
  for (const [row, record] of found.entries()) points.set(record.candidate!, row * width);
  const logits = new Float32Array(found.length * classes);
  const failures = await evaluator.logits(points, logits, { mayOverdraw: true });
  for (const [row, record] of found.entries()) {
    const adversarial = record.candidate!;
    record.candidate = undefined;
    const { prediction, margin } = judge(logits, row, classes, record);
    if (failures.has(row) || prediction < 0) {
      record.failure ??= failures.get(row) ?? NOT_A_NUMBER;
      continue;
    }
    record.forward++;
    record.margin = isBroken(record, prediction) ? margin : Math.min(record.margin, margin);
    if (!isBroken(record, prediction)) continue;
    if (isWithin(adversarial, bounds)) {
      const distance = threat.distance(adversarial, record.input, width)[0]!;
      record.verified = { adversarial, prediction, distance };
    } else {
      record.failure ??= "the attack left the model's bounds";
    }
  }
}

/**
 * Whether `x` lies in the ball around `origin`. Its radius in units of epsilon may exceed 1 by what rounding explains: 1e-5,
 * and one float32 step of the largest input for each feature, added up as the norm adds.
 */
export function isInBall(x: Float32Array, origin: Float32Array, threat: Threat): boolean {
  const { epsilon } = threat;
  if (threat.norm === "l0") return threat.radius(x, origin, x.length)[0]! <= 1;
  const smallest =
    typeof epsilon === "number"
      ? epsilon
      : epsilon.reduce((least, each) => (each > 0 ? Math.min(least, each) : least), Infinity);
  let largest = 0;
  for (const value of origin) largest = Math.max(largest, Math.abs(value));
  const features = { linf: 1, l2: Math.sqrt(x.length), l1: x.length }[threat.norm];
  const rounding = smallest > 0 ? (2 ** -23 * features * largest) / smallest + 2 ** -23 * features : 0;
  return threat.radius(x, origin, x.length)[0]! <= 1 + 1e-5 + rounding;
}

/** Whether all features are within the bounds, up to float32 rounding of the bounds themselves. */
export function isWithin(x: Float32Array, { lower, upper }: Bounds): boolean {
  for (let j = 0; j < x.length; j++) {
    const low = typeof lower === "number" ? lower : lower[j]!;
    const high = typeof upper === "number" ? upper : upper[j]!;
    if (!(x[j]! >= low - 1e-6 * Math.abs(low) && x[j]! <= high + 1e-6 * Math.abs(high))) return false;
  }
  return true;
}
