import type { PerFeature } from "@casemate/tensor";
import { AttackError } from "../errors.ts";

/** The radius of each feature: epsilon where it may change, 0 where it may not. Throws an AttackError for what is no radius. */
export function radiiOf(epsilon: PerFeature, mask: Uint8Array | undefined): PerFeature {
  const values = typeof epsilon === "number" ? [epsilon] : epsilon;
  for (const value of values) {
    if (!(value >= 0))
      throw new AttackError("INVALID_OPTION", `threat: expected an epsilon of at least 0, got ${value}`);
  }
  if (!mask) return epsilon;
  if (typeof epsilon !== "number" && epsilon.length !== mask.length) {
    throw new AttackError(
      "SHAPE_MISMATCH",
      `threat: expected a mask of ${epsilon.length} features as epsilon has, got ${mask.length}`,
    );
  }
  return Float32Array.from(mask, (free, i) => (free ? (typeof epsilon === "number" ? epsilon : epsilon[i]!) : 0));
}

/** The value for one feature. */
export function valueAt(values: PerFeature, feature: number): number {
  return typeof values === "number" ? values : values[feature]!;
}
