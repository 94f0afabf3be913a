import { DefenseError } from "../errors.ts";
import type { Certificate } from "./certify.ts";

/** A point of the curve that papers show. */
export interface RadiusPoint {
  readonly radius: number;
  /** Samples whose certificate names their class and reaches this far. */
  readonly count: number;
  /** Their share of all samples; abstentions count as wrong. */
  readonly accuracy: number;
}

/**
 * Certified accuracy by radius. `labels` belong to the certificates, in their order. Without `radii`, from 0 in round steps to
 * past the largest radius. Throws a DefenseError where labels and certificates do not pair up.
 */
export function radiusCurve(
  certificates: readonly Certificate[],
  labels: ArrayLike<number>,
  radii: readonly number[] = roundSteps(certificates),
): readonly RadiusPoint[] {
  if (labels.length !== certificates.length || labels.length === 0) {
    const expected = `a label for each of ${certificates.length} certificates, one at least`;
    throw new DefenseError("SHAPE_MISMATCH", `radiusCurve: expected ${expected}, got ${labels.length}`);
  }
  const right = certificates.filter(({ prediction }, index) => prediction === labels[index]);
  return radii.map((radius) => {
    const count = right.filter((certificate) => certificate.radius >= radius).length;
    return { radius, count, accuracy: count / certificates.length };
  });
}

/** From 0 in at most 16 round steps to past the largest radius. */
function roundSteps(certificates: readonly Certificate[]): number[] {
  const largest = certificates.reduce((most, { radius }) => Math.max(most, radius), 0);
  const step = STEPS.find((each) => largest / each <= 15) ?? largest / 15;
  return Array.from({ length: Math.floor(largest / step) + 2 }, (_, index) => index * step);
}

const STEPS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100] as const;
