import type { Bounds, Classifier, GradientClassifier, ThreatCurve } from "@casemate/attacks";
import { type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { constraintsOf, costsOf } from "./feature-rules.ts";
import { boundsOf, mutableMask } from "./input-bounds.ts";
import type { Norm } from "./report.ts";
import type { ContractInput } from "./schemas/contract.ts";
import { hasDifferentRanges, UnitBox } from "./unit-box.ts";

/** The space that attacks work in: that of the contract or, where its features have different ranges or costs, the unit box. */
export interface AttackSpace {
  /** Of the contract. */
  readonly bounds: Bounds;
  /** Upper less lower bound, the same for all features. */
  readonly rangeWidth: number;
  /** What is to be said of it. */
  readonly assumptions: readonly string[];
  /** Samples of the contract's units in this space. */
  inputs(x: Tensor): Tensor;
  /** Values of one sample back in the units of the contract. */
  toContractUnits(values: Float32Array): Float32Array;
  /** A radius of this space in the units of the contract: one number, or one per feature. */
  toContractRadius(epsilon: number): number | Float32Array;
  /** A classifier of the contract's units as one of this space. */
  around<C extends Classifier & Partial<GradientClassifier>>(classifier: C): C;
  /** What an attacker may do within these radii. */
  threat(norm: Norm, epsilons: readonly number[]): ThreatCurve;
}

/** The space for one input of a contract. */
export function attackSpaceOf(input: ContractInput, inputShape: Shape): AttackSpace {
  const bounds = boundsOf(input);
  const width = sizeOf(inputShape);
  const costs = costsOf(input);
  const isWhole = input.features?.map(({ integer = false, oneHot }) => integer || oneHot !== undefined);
  const scales = { ...(costs && { costs }), ...(isWhole && { isWhole }) };
  const box = costs || hasDifferentRanges(bounds, width) ? new UnitBox(bounds, width, scales) : undefined;
  const constraints = constraintsOf(input, box?.units);
  const mask = mutableMask(input);
  return {
    bounds,
    rangeWidth: box ? 1 : widthOf(bounds),
    assumptions: box
      ? [
          "Features have different ranges, so perturbations are measured in shares of the range that the contract gives each.",
        ]
      : [],
    inputs: (x) => (box ? tensor(x.shape, box.toUnit(x.data)) : x),
    toContractUnits: (values) => (box ? box.fromUnit(values) : values),
    toContractRadius: (epsilon) => (box ? box.units.scale.map((scale) => epsilon * scale) : epsilon),
    around: (classifier) => (box ? box.around(classifier) : classifier),
    threat: (norm, epsilons) => ({ norm, epsilons, ...(mask && { mask }), ...(constraints && { constraints }) }),
  };
}

function widthOf({ lower, upper }: Bounds): number {
  return (typeof upper === "number" ? upper : upper[0]!) - (typeof lower === "number" ? lower : lower[0]!);
}
